-- +goose Up
-- The domain or address by which the agent on a device connected last; '' for browsers, which are devices, too.
ALTER TABLE devices ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN connected BIGINT NOT NULL DEFAULT 0;

-- Installed agents know the gateway by its saved domain, which is JSON in the settings.
UPDATE devices SET connected = seen, host = coalesce((SELECT trim(value, '"') FROM settings WHERE key = 'auth_domain'), '')
    WHERE device_id IN (SELECT device_id FROM sessions);
