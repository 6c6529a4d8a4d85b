\set turn :turn + 1
\set number :client_id + :turn * 8
\set player 1 + :number % 200000
\set promo 1 + :number % :codes
BEGIN;
SELECT id, days, used, uses_max FROM bench_promo WHERE code = 'CODE' || :promo FOR UPDATE;
INSERT INTO bench_redemption (promo_id, player_id) VALUES (:promo, :player) ON CONFLICT DO NOTHING;
INSERT INTO bench_promo_ledger (player_id, kind, key, amount) VALUES (:player, 4, 'promo:' || :run || ':' || :number, 7);
UPDATE bench_promo_wallet SET premium_until = greatest(coalesce(premium_until, now()), now()) + interval '7 days' WHERE player_id = :player;
UPDATE bench_promo SET used = used + 1 WHERE id = :promo;
COMMIT;
