-- How far each organization's events were checked against its rules about events (services/alerts/following.py).
CREATE TABLE store.alert_positions (
    organization text PRIMARY KEY,
    position bigint NOT NULL
);
