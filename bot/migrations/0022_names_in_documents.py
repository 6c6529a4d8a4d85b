"""Names are replaced in the texts of documents, and never in what holds these together.

A player may be called "5", "true", a comma or "id". Replaced in the spelling of a document, such a
name made it unreadable, and the deletion failed for ever, or renamed its keys. And a first name
like "@anna" was taken for a username, which is looked for in what is about others, too.

What bot/migrations/0020_erase_personal_data.py says of its functions is true of these. Besides:

- The first of a deletion's names is the username (quizarena/players/deletions.py), "@" if there is
  none. All others are names, whatever they begin with.
- `document_without_personal_data` goes through a document: texts as `without_personal_data` does;
  a number that is the Telegram id becomes the surrogate; of keys nothing but the id is replaced.
- A name of punctuation alone names nobody, and stays.
- A line of Telegram's that could not be read is a difference of nobody's: all of them are looked at.
- A row that is not the player's own is looked at only if the Telegram id or the @name is in it.
"""

from django.db import migrations

FUNCTIONS = r"""
DROP FUNCTION public.without_personal_data;

CREATE FUNCTION public.without_personal_data(
  value text, telegram_id bigint, pseudonym text, surrogate text, names text[], is_own boolean,
  is_about boolean
) RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  found text := value;
  of_player boolean := is_own OR is_about;
  known text;
  pattern text;
BEGIN
  IF found ~ ('(?<![0-9])' || telegram_id || '(?![0-9])') THEN
    of_player := true;
    found := regexp_replace(
      found, '(?<![0-9])' || telegram_id || '(?![0-9])', surrogate, 'g'
    );
  END IF;
  IF length(names[1]) > 1 AND names[1] LIKE '@%' THEN
    pattern := regexp_replace(names[1], '([^[:alnum:]_@])', '\\\1', 'g');
    found := regexp_replace(found, pattern || '(?![[:alnum:]_])', pseudonym, 'gi');
    IF of_player THEN
      found := replace(found, '"' || substr(names[1], 2) || '"', '"' || pseudonym || '"');
      IF lower(found) = lower(substr(names[1], 2)) THEN
        found := pseudonym;
      END IF;
    END IF;
  END IF;
  IF of_player THEN
    -- The longest first: "Anna Maria" before "Anna".
    FOR known IN
      SELECT name FROM unnest(names) WITH ORDINALITY AS one (name, place)
      WHERE name !~ '^[!-/:-@\[-`{-~[:space:]]*$' AND (place > 1 OR name NOT LIKE '@%')
      ORDER BY length(name) DESC, name
    LOOP
      pattern := regexp_replace(known, '([^[:alnum:][:space:]_@])', '\\\1', 'g');
      found := regexp_replace(
        found, '(?<![[:alnum:]_])' || pattern || '(?![[:alnum:]_])', pseudonym, 'g'
      );
    END LOOP;
  END IF;
  IF is_own THEN
    -- As the player was called before.
    found := regexp_replace(found, '@[A-Za-z0-9_]{4,32}', pseudonym, 'g');
  END IF;
  RETURN found;
END $$;

CREATE FUNCTION public.document_without_personal_data(
  value jsonb, telegram_id bigint, pseudonym text, surrogate text, names text[], is_own boolean,
  is_about boolean
) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  of_player boolean :=
    is_own OR is_about OR value::text ~ ('(?<![0-9])' || telegram_id || '(?![0-9])');
BEGIN
  RETURN CASE jsonb_typeof(value)
    WHEN 'string' THEN to_jsonb(without_personal_data(
      value #>> '{}', telegram_id, pseudonym, surrogate, names, is_own, of_player
    ))
    WHEN 'number' THEN
      CASE WHEN value = to_jsonb(telegram_id) THEN surrogate::jsonb ELSE value END
    WHEN 'array' THEN (
      SELECT coalesce(jsonb_agg(
        document_without_personal_data(
          item, telegram_id, pseudonym, surrogate, names, is_own, of_player
        ) ORDER BY place
      ), '[]')
      FROM jsonb_array_elements(value) WITH ORDINALITY AS one (item, place)
    )
    WHEN 'object' THEN (
      SELECT coalesce(jsonb_object_agg(
        without_personal_data(key, telegram_id, pseudonym, surrogate, '{}', false, false),
        document_without_personal_data(
          item, telegram_id, pseudonym, surrogate, names, is_own, of_player
        )
      ), '{}')
      FROM jsonb_each(value) AS one (key, item)
    )
    ELSE value
  END;
END $$;

CREATE OR REPLACE FUNCTION public.erase_personal_data(request bigint, target text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  person record;
  rule record;
  key record;
  keys text[];
  changes text;
  differs text;
  mentions text;
  needle text;
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
  -- Nothing changes in a row of somebody else's without one of these; it is quickly found.
  needle := person.telegram_id::text;
  IF length(person.names[1]) > 1 AND person.names[1] LIKE '@%' THEN
    needle := needle || '|' || regexp_replace(person.names[1], '([^[:alnum:]_@])', '\\\1', 'g');
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
     '(SELECT id FROM payments_purchase WHERE player_id = $1)', true, ARRAY['details']),
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
  SELECT string_agg(format('%I = %s', col, CASE WHEN is_document THEN words
                           ELSE format('left(%s, %s)', words, width) END), ', '),
         string_agg(format('%I <> %s', col, words), ' OR '),
         string_agg(format('%I::text ~* $7', col), ' OR ')
  INTO changes, differs, mentions
  FROM (
    SELECT column_name AS col, coalesce(character_maximum_length, 100000000) AS width,
           data_type = 'jsonb' AS is_document,
           format('%s(%I, $2, $3, $4, $5, coalesce(%s, false), false)',
                  CASE data_type WHEN 'jsonb' THEN 'document_without_personal_data'
                  ELSE 'without_personal_data' END, column_name, rule.own) AS words
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = target AND column_name = ANY (rule.columns)
  ) AS erased;
  -- Before the table is locked.
  EXECUTE format('SELECT array_agg(%I::text) FROM public.%I WHERE (%s) AND (%s)', key.name, target,
                 CASE WHEN rule.is_whole THEN format('%s OR %s', rule.own, mentions)
                 ELSE rule.own END, differs)
  INTO keys
  USING person.player_id, person.telegram_id, person.pseudonym, person.surrogate, person.names,
        NULL::text, needle;
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

# As 0020 has them.
BEFORE = r"""
DROP FUNCTION public.erase_personal_data;
DROP FUNCTION public.document_without_personal_data;
DROP FUNCTION public.without_personal_data;

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
        ("bot", "0021_tournament_boards_know_the_answer"),
    ]

    operations = [
        migrations.RunSQL(FUNCTIONS, BEFORE),
    ]
