-- How far each organization's events were looked at by its rules about events (services/alerts/following.py).
CREATE TABLE store.alert_positions (
    organization text PRIMARY KEY,
    position bigint NOT NULL
);
