-- The least that codes need: what is given, who has got it, and what it has moved.
DROP TABLE IF EXISTS bench_promo, bench_redemption, bench_promo_ledger, bench_promo_wallet;
CREATE TABLE bench_promo (
  id bigint PRIMARY KEY,
  code text NOT NULL UNIQUE,
  days int NOT NULL,
  used int NOT NULL DEFAULT 0,
  uses_max int,
  until timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE bench_redemption (
  promo_id bigint NOT NULL,
  player_id bigint NOT NULL,
  status smallint NOT NULL DEFAULT 1,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (promo_id, player_id)
);
CREATE TABLE bench_promo_ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id bigint NOT NULL,
  kind smallint NOT NULL,
  key text NOT NULL UNIQUE,
  amount int NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE bench_promo_wallet (
  player_id bigint PRIMARY KEY, premium_until timestamptz
) WITH (fillfactor = 70);
INSERT INTO bench_promo
SELECT number, 'CODE' || number, 7, 0, NULL, now() + interval '30 days'
FROM generate_series(1, 500) AS number;
INSERT INTO bench_promo_wallet SELECT number FROM generate_series(1, 200000) AS number;
