"""What append-only tables hold of somebody who is deleted, and how it is erased there.

The application has no right to change these rows, and their triggers refuse it to everybody.

`erase_personal_data(request, target)` is the one way round both. How to read it:

- It runs as the owner (SECURITY DEFINER). Its search_path is fixed, with the temporary schema last:
  no table and no function of the caller's takes the place of ours. What is put into a statement is
  a name of a column, or one of the literals below; values are parameters.
- Nobody but the application may call it, and nobody but it the other function: every `migrate` sees
  to that (quizarena/ops/database_roles.py).
- It works for a deletion alone that has begun and is not done. A deletion begins seven days after
  the wish, and its names are those that its player had: two triggers of players_deletionrequest.
- It changes the columns that are listed here and no others, only the words by which the one player
  is known (`without_personal_data`), only where they are found, and returns in how many rows. It
  deletes nothing. A second call finds nothing.
- The triggers of the one table stand aside for one statement, while the table is locked and nobody
  else can write to it; what waits for that longer than two seconds gives up, and an error brings
  them back with everything else of the transaction.

`without_personal_data` replaces, in one text: the Telegram id as a number of its own by the
surrogate; @names by the pseudonym; and in rows that are the player's, or where the id was found,
the other names as words of their own.

tests/ops/test_erasure.py tries each of these sentences.
"""

from django.db import migrations

FUNCTIONS = r"""
CREATE FUNCTION public.without_personal_data(
  value text, telegram_id bigint, pseudonym text, surrogate text, names text[], is_own boolean
) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text := value;
  of_player boolean := is_own;
  name text;
  pattern text;
BEGIN
  IF found ~ ('(?<![0-9])' || telegram_id || '(?![0-9])') THEN
    of_player := true;
    found := regexp_replace(
      found, '(?<![0-9])' || telegram_id || '(?![0-9])', surrogate, 'g'
    );
  END IF;
  -- The longest first: "Anna Maria" before "Anna".
  FOR name IN
    SELECT spelling FROM unnest(names) AS known,
      LATERAL (VALUES (known), (trim(BOTH '"' FROM to_json(known)::text))) AS spelt (spelling)
    GROUP BY spelling ORDER BY length(spelling) DESC, spelling
  LOOP
    pattern := regexp_replace(name, '([^[:alnum:][:space:]_@])', '\\\1', 'g');
    IF name LIKE '@%' THEN
      found := regexp_replace(found, pattern || '(?![[:alnum:]_])', pseudonym, 'gi');
      IF of_player THEN
        found := replace(found, '"' || substr(name, 2) || '"', '"' || pseudonym || '"');
      END IF;
    ELSIF of_player THEN
      found := regexp_replace(
        found, '(?<![[:alnum:]_])' || pattern || '(?![[:alnum:]_])', pseudonym, 'g'
      );
    END IF;
  END LOOP;
  IF is_own THEN
    -- As the player was called before.
    found := regexp_replace(found, '@[A-Za-z0-9_]{4,32}', pseudonym, 'g');
  END IF;
  RETURN found;
END $$;

CREATE FUNCTION public.erase_personal_data(request bigint, target text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  person record;
  rule record;
  key record;
  keys text[];
  changes text;
  differs text;
  changed bigint;
BEGIN
  SELECT asked.player_id, asked.telegram_id, 'Deleted player ' || asked.player_id AS pseudonym,
         (-asked.player_id)::text AS surrogate,
         ARRAY(SELECT jsonb_array_elements_text(asked.names)) AS names
  INTO person FROM public.players_deletionrequest AS asked
  WHERE asked.id = request AND asked.state = 'ERASING';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'There is no such deletion under way.';
  END IF;
  -- Which rows are the player's own. Where others are looked at, too, only the Telegram id and the
  -- @name are looked for in them; where not, the table grows with the money.
  SELECT rules.* INTO rule FROM (VALUES
    ('staff_auditentry', 'lower(object_type) = ''players.player'' AND object_id = $1::text', true,
     ARRAY['summary', 'details']),
    ('staff_approvalrequest',
     'lower(subject_type) = ''players.player'' AND subject_id = $1::text', true,
     ARRAY['subject_name', 'parameters', 'preview', 'reason', 'decision_reason']),
    ('staff_alert', 'lower(subject_type) = ''players.player'' AND subject_id = $1::text', true,
     ARRAY['summary', 'details', 'resolve_reason']),
    ('economy_controlfinding',
     'lower(subject_type) = ''players.player'' AND subject_id = $1::text', true,
     ARRAY['summary', 'details']),
    ('payments_startransaction',
     'transaction_id IN (SELECT charge_id FROM payments_purchase WHERE player_id = $1)', false,
     ARRAY['partner']),
    -- Telegram makes the provider's id of a payment in Stars of the payer's.
    ('payments_purchase', 'player_id = $1', false, ARRAY['evidence', 'provider_charge_id']),
    ('payments_purchaseevent',
     'purchase_id IN (SELECT id FROM payments_purchase WHERE player_id = $1)', false,
     ARRAY['evidence']),
    ('payments_refund', 'purchase_id IN (SELECT id FROM payments_purchase WHERE player_id = $1)',
     false, ARRAY['reason']),
    ('payments_difference', 'player_id = $1 OR purchase_id IN '
     '(SELECT id FROM payments_purchase WHERE player_id = $1)', false, ARRAY['details']),
    ('promos_denylistentry', 'player_id = $1', false, ARRAY['reason']),
    ('game_fairplayfinding', 'player_id = $1 OR other_id = $1', false, ARRAY['note']),
    ('game_questionreport', 'player_id = $1', false, ARRAY['note'])
  ) AS rules (name, own, is_whole, columns) WHERE rules.name = target;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Nothing is erased in %.', target;
  END IF;
  SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type INTO key
  FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
  WHERE i.indrelid = ('public.' || target)::regclass AND i.indisprimary;
  SELECT string_agg(format('%1$I = left(%2$s, %3$s)::%4$s', col, words, width, type), ', '),
         string_agg(format('%1$I::text <> %2$s', col, words), ' OR ')
  INTO changes, differs
  FROM (
    SELECT column_name AS col, coalesce(character_maximum_length, 100000000) AS width,
           CASE data_type WHEN 'jsonb' THEN 'jsonb' ELSE 'text' END AS type,
           format('without_personal_data(%I::text, $2, $3, $4, $5, coalesce(%s, false))',
                  column_name, rule.own) AS words
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = target AND column_name = ANY (rule.columns)
  ) AS erased;
  -- Before the table is locked.
  EXECUTE format('SELECT array_agg(%I::text) FROM public.%I WHERE (%s) AND (%s)', key.name, target,
                 CASE WHEN rule.is_whole THEN 'true' ELSE rule.own END, differs)
  INTO keys
  USING person.player_id, person.telegram_id, person.pseudonym, person.surrogate, person.names;
  IF keys IS NULL THEN
    RETURN 0;
  END IF;
  EXECUTE format('ALTER TABLE public.%I DISABLE TRIGGER USER', target);
  EXECUTE format('UPDATE public.%I SET %s WHERE %I = ANY ($6::%s[])', target, changes, key.name,
                 key.type)
  USING person.player_id, person.telegram_id, person.pseudonym, person.surrogate, person.names,
        keys;
  GET DIAGNOSTICS changed = ROW_COUNT;
  -- What still had to be checked of these rows keeps the table from being altered.
  SET CONSTRAINTS ALL IMMEDIATE;
  EXECUTE format('ALTER TABLE public.%I ENABLE TRIGGER USER', target);
  RETURN changed;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bot", "0019_review_reminders"),
        ("economy", "0010_ticket_returned"),
        ("game", "0018_written_answers"),
        ("payments", "0016_requests_are_closed"),
        ("players", "0010_deletion_requests"),
        ("promos", "0009_standard_names"),
        ("staff", "0010_standard_names"),
    ]

    operations = [
        migrations.RunSQL(
            FUNCTIONS,
            "DROP FUNCTION public.erase_personal_data; DROP FUNCTION public.without_personal_data;",
        ),
    ]
