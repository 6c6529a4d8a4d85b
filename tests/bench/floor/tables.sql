-- The least that money needs: what is owned, and what moved it, once per key.
DROP TABLE IF EXISTS bench_wallet, bench_ledger;
CREATE TABLE bench_wallet (
  player_id bigint PRIMARY KEY,
  free int NOT NULL CHECK (free BETWEEN 0 AND 20),
  paid int NOT NULL CHECK (paid >= 0),
  counted_until timestamptz NOT NULL,
  premium_until timestamptz
) WITH (fillfactor = 70);
CREATE TABLE bench_ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  player_id bigint NOT NULL,
  kind smallint NOT NULL,
  key text NOT NULL UNIQUE,
  amount int NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO bench_wallet SELECT number, 20, 100000000, now() FROM generate_series(1, 1000) number;
