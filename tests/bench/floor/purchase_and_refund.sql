\set turn :turn + 1
\set number :run * 10000000 + :client_id + :turn * 8
\set player 1 + :number % 1000
BEGIN;
INSERT INTO bench_purchase (id, player_id, product, stars, status) VALUES (:number, :player, 1, 5, 0) ON CONFLICT DO NOTHING;
COMMIT;
BEGIN;
SELECT status, stars, player_id FROM bench_purchase WHERE id = :number FOR UPDATE;
UPDATE bench_purchase SET status = 1 WHERE id = :number;
COMMIT;
BEGIN;
SELECT player_id, status, stars FROM bench_purchase WHERE id = :number FOR UPDATE;
INSERT INTO bench_payment_ledger (player_id, kind, key, amount) VALUES (:player, 1, 'credit:' || :number, 10) ON CONFLICT (key) DO NOTHING;
UPDATE bench_payment_wallet SET paid = paid + 10 WHERE player_id = :player;
UPDATE bench_purchase SET status = 2, credited_at = now(), charge_id = 'charge:' || :number WHERE id = :number;
COMMIT;
BEGIN;
SELECT player_id, status, stars FROM bench_purchase WHERE id = :number FOR UPDATE;
INSERT INTO bench_payment_ledger (player_id, kind, key, amount) VALUES (:player, 2, 'refund:' || :number, -10) ON CONFLICT (key) DO NOTHING;
UPDATE bench_payment_wallet SET paid = greatest(0, paid - 10) WHERE player_id = :player;
UPDATE bench_purchase SET status = 3, refunded_at = now() WHERE id = :number;
COMMIT;
