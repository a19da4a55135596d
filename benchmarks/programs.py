"""All programs that `make bench` runs, with the rows that each gives."""

from statistics import median

from benchmarks.aims import (
    Program,
    Row,
    alert_behind,
    at,
    beside,
    bill_runs,
    cold_seconds,
    exported,
    found_by_id,
    fresh,
    held_usage,
    history,
    in_use,
    most,
    per_core,
    rival,
    ruled,
    scaled,
)

#: The most important first: what is ended early has measured these.
PROGRAMS = (
    Program(
        "freshness",
        "--accounts 1000 --rate 20000 --seconds 20",
        "--accounts 200 --rate 2000 --seconds 5",
        600,
        fresh("1,000 active accounts at 20,000 events/s", 60, 250),
    ),
    Program(
        "pipeline",
        "--events 400000",
        "--events 50000 --naive 500",
        1_200,
        (
            Row("throughput, events/s", ">= 100,000", at("product", "events_per_second"), 100_000),
            Row(
                "throughput, product / floor, 1,000 accounts", ">= 0.75", at("ratios", "product/floor"), 0.75, digits=2
            ),
            Row("product / naive FastStream", ">= 25", at("ratios", "product/naive"), 25, digits=1),
        ),
    ),
    Program(
        "freshness",
        "--accounts 10000 --rate 10000 --seconds 60",
        "--accounts 1000 --rate 1000 --seconds 5",
        1_500,
        fresh("10,000 active accounts at 10,000 events/s", 150, 1_000),
    ),
    Program(
        "living",
        "",
        "--families 200 --rounds 8",
        600,
        (
            Row(
                "families settled per second and core, usual usage (CPU time)",
                ">= 15,000",
                at("families_per_second", "usual", "ahead"),
                15_000,
            ),
        ),
    ),
    Program(
        "ruled",
        "",
        "--families 100 --rounds 4 --turns 1",
        600,
        (ruled("alert rules", "10,000 alert rules"), ruled("automatic rules", "10,000 automatic rules")),
    ),
    Program(
        "freshness",
        "--accounts 1000 --rate 10000 --seconds 15 --alerts 10000",
        "--accounts 200 --rate 500 --seconds 5 --alerts 1000",
        900,
        beside("rules", "10,000 alert rules"),
    ),
    Program(
        "replay",
        "--events 1000000 --repeats 1",
        "--events 50000 --repeats 1",
        1_800,
        (
            Row("replay, events/s and core", ">= 150,000", per_core("fold"), 150_000),
            Row("audit, events/s and core", ">= 150,000", per_core("audit"), 150_000),
        ),
    ),
    Program(
        "cold",
        "--accounts 10000",
        "--accounts 500",
        1_500,
        (
            most("10,000 cold families into memory, settled, s", "<= 2", 2, cold_seconds, 1),
            most("memory of a family at rest, bytes", "<= 4,000", 4_000, at("bytes_each", "at rest")),
            most("memory of 100,000 families in use, MB", "<= 60", 60, lambda measured: in_use(measured) / 10, 0),
        ),
    ),
    Program(
        "rivals",
        "",
        "--events 50000 --appended 5000",
        1_200,
        (
            rival("Quix Streams, windowed sum", 2),
            rival("eventsourcing, append", 5),
            rival("eventsourcing, replay", 5),
        ),
    ),
    Program(
        "freshness",
        "--accounts 1000 --rate 10000 --seconds 20 --creates 200",
        "--accounts 200 --rate 1000 --seconds 5 --creates 20",
        600,
        (
            most("create commitment at 200/s beside 10,000 events/s: half, ms", "<= 30", 30, at("create_p50_ms")),
            most("create commitment at 200/s beside 10,000 events/s: 99 %, ms", "<= 30", 30, at("create_p99_ms")),
        ),
    ),
    Program(
        "freshness",
        "--accounts 1000 --rate 5000 --seconds 15 --beside hot --beside commitments --beside segments",
        "--accounts 200 --rate 500 --seconds 5 --beside hot --beside commitments --beside segments",
        900,
        (
            *beside("hot", "one with half of all usage"),
            *beside("commitments", "one with 1,000 commitments"),
            *beside("segments", "one with 10,000 segments a day"),
        ),
    ),
    Program("bill_run", "--accounts 10000 --processes 2", "--accounts 300 --processes 2", 2_400, bill_runs("10,000")),
    Program("alerting", "", "--accounts 100 --rate 20", 600, (alert_behind(),)),
    Program("exporting", "--lines 100000", "--lines 4000", 900, exported("100,000")),
    Program("holding", "--records 100000", "--records 5000", 900, held_usage("100,000")),
    Program("correcting", "", "--ids 1000000", 600, found_by_id("10 M")),
    Program(
        "ids",
        "",
        "--ids 1000000",
        600,
        (most("memory of a remembered id, bytes", "<= 20", 20, at("bytes_each"), 1),),
    ),
    Program(
        "http",
        "",
        "--requests 40",
        1_200,
        (
            Row(
                "create a commitment, of the bare handler's requests/s",
                ">= 0.4",
                lambda measured: median(
                    comparison["ratio"] for comparison in measured if comparison["name"].startswith("create")
                ),
                0.4,
                digits=2,
            ),
        ),
    ),
    Program("start", "--events 3000000 --repeats 3", "--events 50000 --repeats 1", 1_200, history(3)),
    Program(
        "overview",
        "",
        "--accounts 1000 --times 5",
        1_200,
        (
            most("overview of 100,000 accounts: half, ms", "<= 500", 500, at(0, "p50_ms")),
            most("outlook of 1,000 commitments: half, ms", "<= 300", 300, at(1, "p50_ms")),
        ),
    ),
    Program(
        "pages",
        "",
        "--accounts 1000 --commitments 50 --times 5",
        1_800,
        (
            most("page: overview of 100,000 accounts: half, ms", "<= 500", 500, at(0, "p50_ms")),
            most("page: account with 1,000 commitments: half, ms", "<= 300", 300, at(1, "p50_ms")),
            most("page: bill of 5,000 lines: half, ms", "<= 500", 500, at(2, "p50_ms")),
        ),
    ),
    Program("scaling", "", "--events 30000", 1_800, (scaled(2, 1), scaled(1, 3), scaled(2, 3))),
    Program(
        "freshness",
        "--accounts 100000 --rate 10000 --seconds 120",
        "--accounts 2000 --rate 200 --seconds 10",
        7_200,
        fresh("100,000 active accounts, each an event in ten seconds", 500, 3_000),
        large=True,
    ),
    Program(
        "pipeline",
        "--events 1000000 --accounts 100000",
        "--events 50000 --accounts 2000 --naive 500",
        7_200,
        (
            Row(
                "throughput, product / floor, 100,000 accounts",
                ">= 0.75",
                at("ratios", "product/floor"),
                0.75,
                digits=2,
            ),
        ),
        large=True,
    ),
    Program("start", "--events 20000000 --repeats 3", "--events 50000 --repeats 1", 7_200, history(20), large=True),
    Program(
        "bill_run",
        "--accounts 100000 --processes 2",
        "--accounts 300 --processes 2",
        14_400,
        bill_runs("100,000"),
        large=True,
    ),
    Program("holding", "--large", "--records 20000", 7_200, held_usage("1,000,000"), large=True),
    Program("exporting", "--lines 1000000", "--lines 20000", 7_200, exported("1,000,000"), large=True),
    Program(
        "freshness",
        "--accounts 100000 --resting 900000 --rate 10000 --seconds 60",
        "--accounts 500 --resting 500 --rate 500 --seconds 5",
        28_800,
        (
            *fresh("100,000 active of 1,000,000 accounts at 10,000 events/s", 500, 3_000),
            most("1,000,000 accounts: memory of the projector, MB", "<= 4,000", 4_000, at("rss_mb", "projector")),
        ),
        large=True,
    ),
)
