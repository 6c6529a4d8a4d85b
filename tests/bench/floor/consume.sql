\set turn :turn + 1
\set number :client_id + :turn * 8
\set player 1 + :number % :players
BEGIN;
SELECT free, paid, counted_until, premium_until FROM bench_wallet WHERE player_id = :player FOR UPDATE;
INSERT INTO bench_ledger (player_id, kind, key, amount) VALUES (:player, 3, 'question:' || :run || ':' || :number, -1) ON CONFLICT (key) DO NOTHING;
UPDATE bench_wallet SET paid = paid - 1 WHERE player_id = :player;
COMMIT;
