-- The least that a purchase needs: what is bought and paid, what is owned, and what moved it.
DROP TABLE IF EXISTS bench_purchase, bench_payment_wallet, bench_payment_ledger;
CREATE TABLE bench_purchase (
  id bigint PRIMARY KEY,
  player_id bigint NOT NULL,
  product smallint NOT NULL,
  stars int NOT NULL,
  status smallint NOT NULL,
  charge_id text,
  created_at timestamptz NOT NULL DEFAULT now(),
  credited_at timestamptz,
  refunded_at timestamptz
) WITH (fillfactor = 70);
CREATE TABLE bench_payment_ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id bigint NOT NULL,
  kind smallint NOT NULL,
  key text NOT NULL UNIQUE,
  amount int NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE bench_payment_wallet (
  player_id bigint PRIMARY KEY, paid int NOT NULL CHECK (paid >= 0)
) WITH (fillfactor = 70);
INSERT INTO bench_payment_wallet SELECT number, 0 FROM generate_series(1, 1000) AS number;
