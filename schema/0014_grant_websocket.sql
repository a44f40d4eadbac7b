-- Version 14: whether what is granted may become a WebSocket.
ALTER TABLE granted ADD COLUMN websocket INTEGER NOT NULL DEFAULT 0 CHECK (websocket IN (0, 1));
