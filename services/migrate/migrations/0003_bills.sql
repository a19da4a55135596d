-- The facts about one bill, by its id: commands on a bill are decided from these.
CREATE INDEX events_by_bill ON store.events (organization, (data->>'billId')) WHERE stream LIKE 'bills-%';
