\set turn :turn + 1
\set number :client_id + :turn * 8
\set player 1 + :number % 200000
\set promo 1 + :number % :codes
BEGIN;
SELECT id, used, uses_max FROM bench_promo WHERE code = 'CODE' || :promo FOR UPDATE;
INSERT INTO bench_redemption (promo_id, player_id) VALUES (:promo, :player) ON CONFLICT DO NOTHING;
UPDATE bench_promo SET used = used + 1 WHERE id = :promo;
COMMIT;
BEGIN;
UPDATE bench_redemption SET status = 2 WHERE promo_id = :promo AND player_id = :player;
UPDATE bench_promo SET used = used - 1 WHERE id = :promo;
COMMIT;
