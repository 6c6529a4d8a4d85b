\set turn :turn + 1
\set number :client_id + :turn * 8
\set player 1 + :number % :players
BEGIN;
INSERT INTO bench_ledger (player_id, kind, key, amount) VALUES (:player, 1, 'grant:' || :run || ':' || :number, 10) ON CONFLICT (key) DO NOTHING;
UPDATE bench_wallet SET paid = paid + 10 WHERE player_id = :player;
COMMIT;
