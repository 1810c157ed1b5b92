-- +goose Up
-- Forwarding lasted until the next boot. Where an administrator has switched it on, the gateway does so at each start from now on.
INSERT INTO settings (key, value)
SELECT 'forwarding', 'true' WHERE EXISTS (SELECT 1 FROM acts WHERE code = 'forwarding_on');
