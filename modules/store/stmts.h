/*
 * stmts.h - every SQL statement of the store, each prepared once. There is no other SQL but what db.c needs to open a
 * file, and none is ever put together from text.
 */
#ifndef CB_STORE_STMTS_H
#define CB_STORE_STMTS_H

/* clang-format off */
#define STORE_STATEMENTS(S) \
    S(BEGIN, "BEGIN IMMEDIATE") \
    S(COMMIT, "COMMIT") \
    S(ROLLBACK, "ROLLBACK") \
    \
    S(META_GET, "SELECT value FROM meta WHERE name = ?1") \
    S(META_ADD, "INSERT INTO meta (name, value) VALUES (?1, ?2)") \
    \
    S(META_PUT, \
      "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value") \
    \
    S(REKEY_CREDENTIAL, \
      "SELECT tenant_id, box, name FROM credential WHERE box IS NOT NULL AND (tenant_id, name) > (?1, ?2)" \
      " ORDER BY tenant_id, name LIMIT 1") \
    S(REKEY_CREDENTIAL_PUT, \
      "UPDATE credential SET box = ?2 WHERE tenant_id = ?1 AND name = ?3 AND box IS NOT NULL") \
    S(REKEY_CA, "SELECT tenant_id, sealed_key FROM ca WHERE tenant_id > ?1 ORDER BY tenant_id LIMIT 1") \
    S(REKEY_CA_PUT, "UPDATE ca SET sealed_key = ?2 WHERE tenant_id = ?1") \
    S(REKEY_CA_NEXT, "SELECT tenant_id, sealed_key FROM ca_next WHERE tenant_id > ?1 ORDER BY tenant_id LIMIT 1") \
    S(REKEY_CA_NEXT_PUT, "UPDATE ca_next SET sealed_key = ?2 WHERE tenant_id = ?1") \
    S(REKEY_COUNT, \
      "SELECT (SELECT count(*) FROM credential WHERE box IS NOT NULL) + (SELECT count(*) FROM ca)" \
      " + (SELECT count(*) FROM ca_next)") \
    \
    S(TENANT_BY_NAME, "SELECT id, name, generation, port, token, yaml, spec, suspended_ms, suspended_by FROM tenant WHERE name = ?1") \
    S(TENANT_BY_ID, "SELECT id, name, generation, port, token, yaml, spec, suspended_ms, suspended_by FROM tenant WHERE id = ?1") \
    S(TENANT_ADD, \
      "INSERT INTO tenant (name, generation, token, yaml, spec, routes, created_ms, updated_ms)" \
      " VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?6)") \
    S(TENANT_CHANGE, \
      "UPDATE tenant SET generation = generation + 1, yaml = ?2, spec = ?3, routes = ?4," \
      " updated_ms = max(?5, created_ms) WHERE id = ?1") \
    S(TENANT_TOUCH, "UPDATE tenant SET generation = generation + 1 WHERE id = ?1") \
    S(TENANT_BRIEF, "SELECT name, port, suspended_ms, generation FROM tenant WHERE id = ?1") \
    S(TENANT_SUSPEND, \
      "UPDATE tenant SET generation = generation + 1, suspended_ms = ?2, suspended_by = ?3 WHERE id = ?1") \
    S(TENANT_SET_TOKEN, "UPDATE tenant SET generation = generation + 1, token = ?2 WHERE id = ?1 AND token <> ?2") \
    S(TENANT_SET_PORT, "UPDATE tenant SET port = ?2 WHERE id = ?1") \
    S(TENANT_DELETE, "DELETE FROM tenant WHERE id = ?1") \
    S(TENANT_LIST, \
      "SELECT t.name, t.id, t.port, t.routes," \
      " (SELECT count(*) FROM credential c WHERE c.tenant_id = t.id AND c.used = 1)," \
      " (SELECT count(*) FROM credential c WHERE c.tenant_id = t.id AND c.box IS NOT NULL)," \
      " t.created_ms, t.updated_ms, t.suspended_ms," \
      " (SELECT count(*) FROM granted g WHERE g.tenant_id = t.id AND g.until_ms > ?4) FROM tenant t" \
      " WHERE t.name > ?1 AND (?3 = '' OR t.name = ?3) ORDER BY t.name LIMIT ?2") \
    \
    S(CREDENTIAL_GET, \
      "SELECT placeholder, used, version, binding, box FROM credential WHERE tenant_id = ?1 AND name = ?2") \
    S(CREDENTIAL_LIST, \
      "SELECT name, placeholder, binding, iif(box IS NULL, 0, version), set_ms, used, used_ms FROM credential" \
      " WHERE tenant_id = ?1 ORDER BY name") \
    S(CREDENTIAL_UNUSE, "UPDATE credential SET used = 0 WHERE tenant_id = ?1") \
    S(CREDENTIAL_USE, \
      "INSERT INTO credential (tenant_id, name, placeholder, used, version, binding, box, set_ms)" \
      " VALUES (?1, ?2, ?3, 1, 0, x'', NULL, 0)" \
      " ON CONFLICT (tenant_id, name) DO UPDATE SET used = 1," \
      " placeholder = iif(placeholder = '' OR ?4, excluded.placeholder, placeholder)") \
    S(CREDENTIAL_PUT, \
      "INSERT INTO credential (tenant_id, name, placeholder, used, version, binding, box, set_ms)" \
      " VALUES (?1, ?2, '', 0, 1, ?3, ?4, ?5)" \
      " ON CONFLICT (tenant_id, name) DO UPDATE SET version = version + 1, binding = excluded.binding," \
      " box = excluded.box, set_ms = excluded.set_ms") \
    S(CREDENTIAL_REPLACE, "UPDATE credential SET box = ?3 WHERE tenant_id = ?1 AND name = ?2") \
    S(CREDENTIAL_CLEAR, \
      "UPDATE credential SET version = version + 1, binding = x'', box = NULL, set_ms = 0" \
      " WHERE tenant_id = ?1 AND name = ?2 AND box IS NOT NULL") \
    \
    S(CA_MADE, "SELECT created_ms FROM ca WHERE tenant_id = ?1") \
    S(CA_NEXT_GET, "SELECT cert FROM ca_next WHERE tenant_id = ?1") \
    S(CA_NEXT_ADD, "INSERT INTO ca_next (tenant_id, cert, sealed_key, created_ms) VALUES (?1, ?2, ?3, ?4)") \
    S(CA_NEXT_PUT, \
      "INSERT INTO ca_next (tenant_id, cert, sealed_key, created_ms) VALUES (?1, ?2, ?3, ?4)" \
      " ON CONFLICT (tenant_id) DO UPDATE SET cert = excluded.cert, sealed_key = excluded.sealed_key," \
      " created_ms = excluded.created_ms") \
    S(CA_FINISH, \
      "UPDATE ca SET (cert, sealed_key, created_ms) = (SELECT cert, sealed_key, created_ms FROM ca_next" \
      " WHERE tenant_id = ?1) WHERE tenant_id = ?1 AND EXISTS (SELECT 1 FROM ca_next WHERE tenant_id = ?1)") \
    S(CA_NEXT_DELETE, "DELETE FROM ca_next WHERE tenant_id = ?1") \
    S(CA_GET, "SELECT cert, sealed_key FROM ca WHERE tenant_id = ?1") \
    S(CA_PUT, \
      "INSERT INTO ca (tenant_id, cert, sealed_key, created_ms) VALUES (?1, ?2, ?3, ?4)" \
      " ON CONFLICT (tenant_id) DO UPDATE SET cert = excluded.cert, sealed_key = excluded.sealed_key," \
      " created_ms = excluded.created_ms") \
    \
    S(HEALTH_TENANTS, \
      "SELECT t.name, (SELECT count(*) FROM credential c WHERE c.tenant_id = t.id AND c.used = 1)," \
      " (SELECT count(*) FROM credential c WHERE c.tenant_id = t.id AND c.used = 1 AND c.box IS NOT NULL)," \
      " ifnull((SELECT min(c.name) FROM credential c WHERE c.tenant_id = t.id AND c.used = 1 AND c.box IS NULL), '')," \
      " (SELECT cert FROM ca WHERE tenant_id = t.id), t.suspended_ms FROM tenant t ORDER BY t.name LIMIT ?1") \
    S(TOKEN_ADD, \
      "INSERT INTO token (name, hash, scope, tenant_id, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)") \
    S(TOKEN_ALL, \
      "SELECT k.name, k.hash, k.scope, k.tenant_id, ifnull(t.name, ''), t.created_ms, k.created_ms, k.expires_ms, k.used_ms" \
      " FROM token k LEFT JOIN tenant t ON t.id = k.tenant_id ORDER BY k.name") \
    S(TOKEN_DELETE, "DELETE FROM token WHERE name = ?1") \
    S(TOKEN_USED, "UPDATE token SET used_ms = ?2 WHERE name = ?1") \
    \
    S(CHANGE_ADD, \
      "INSERT INTO change (seq, tenant_id, tenant, generation, time_ms, by, change, detail)" \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)") \
    S(CHANGE_LIST, \
      "SELECT seq, tenant, generation, time_ms, by, change, detail FROM change WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2") \
    S(CHANGE_LIST_TENANT, \
      "SELECT seq, tenant, generation, time_ms, by, change, detail FROM change WHERE seq < ?1 AND tenant_id = ?3" \
      " ORDER BY seq DESC LIMIT ?2") \
    S(REVISION_ADD, \
      "INSERT INTO revision (tenant_id, generation, time_ms, by, yaml, spec) VALUES (?1, ?2, ?3, ?4, ?5, ?6)") \
    S(REVISION_TRIM, \
      "DELETE FROM revision WHERE tenant_id = ?1 AND generation <= (SELECT generation FROM revision WHERE tenant_id = ?1" \
      " ORDER BY generation DESC LIMIT 1 OFFSET ?2)") \
    S(REVISION_GET, \
      "SELECT generation, time_ms, by, yaml, spec FROM revision WHERE tenant_id = ?1 AND generation <= ?2" \
      " ORDER BY generation DESC LIMIT 2") \
    S(ADMINISTRATOR_ALL, "SELECT name, scope, created_ms, used_ms FROM administrator ORDER BY name") \
    S(ADMINISTRATOR_GET, "SELECT scope, kdf, key_hash FROM administrator WHERE name = ?1") \
    S(ADMINISTRATOR_PUT, \
      "INSERT INTO administrator (name, scope, kdf, key_hash, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)" \
      " ON CONFLICT (name) DO UPDATE SET scope = excluded.scope, kdf = excluded.kdf, key_hash = excluded.key_hash") \
    S(ADMINISTRATOR_DELETE, "DELETE FROM administrator WHERE name = ?1") \
    S(ADMINISTRATOR_USED, "UPDATE administrator SET used_ms = ?2 WHERE name = ?1") \
    S(SESSION_FIND, \
      "SELECT s.administrator, a.scope, s.token, k.scope, k.tenant_id, ifnull(t.name, ''), t.created_ms, k.expires_ms," \
      " s.made_ms, s.used_ms, s.ends_ms, s.replaced FROM session s LEFT JOIN administrator a ON a.name = s.administrator" \
      " LEFT JOIN token k ON k.name = s.token LEFT JOIN tenant t ON t.id = k.tenant_id WHERE s.hash = ?1") \
    S(SESSION_ADD, \
      "INSERT INTO session (hash, administrator, token, made_ms, used_ms, ends_ms) VALUES (?1, ?2, ?3, ?4, ?4, ?5)") \
    S(SESSION_PRUNE, "DELETE FROM session WHERE ends_ms <= ?1 OR used_ms <= ?2") \
    S(SESSION_TRIM, \
      "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE administrator IS ?1 AND token IS ?2" \
      " ORDER BY used_ms DESC, made_ms DESC, hash LIMIT -1 OFFSET ?3)") \
    S(SESSION_USED, "UPDATE session SET used_ms = ?2 WHERE hash = ?1") \
    S(SESSION_REPLACED, "UPDATE session SET replaced = 1, ends_ms = min(ends_ms, ?2) WHERE hash = ?1") \
    S(SESSION_DELETE, "DELETE FROM session WHERE hash = ?1") \
    S(SESSION_DELETE_OWN, "DELETE FROM session WHERE administrator IS ?1 AND token IS ?2 AND hash <> ?3") \
    S(LINK_ADD, "INSERT INTO sign_in_link (hash, ends_ms) VALUES (?1, ?2)") \
    S(LINK_FIND, "SELECT ends_ms FROM sign_in_link WHERE hash = ?1") \
    S(LINK_DELETE, "DELETE FROM sign_in_link WHERE hash = ?1 OR ends_ms <= ?2") \
    S(LINK_TRIM, \
      "DELETE FROM sign_in_link WHERE hash IN (SELECT hash FROM sign_in_link ORDER BY ends_ms DESC, hash LIMIT -1 OFFSET ?1)") \
    \
    S(DENIAL_AGAIN, \
      "UPDATE denial SET count = count + 1, reason = ?7, route = ?8, credential = ?9, last_ms = max(last_ms, ?10), detail = ?11" \
      " WHERE tenant_id = ?1 AND scheme = ?2 AND host = ?3 AND port = ?4 AND method = ?5 AND path = ?6") \
    S(DENIAL_ADD, \
      "INSERT INTO denial (tenant_id, scheme, host, port, method, path, reason, route, credential, count, first_ms, last_ms," \
      " detail) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10, ?11 FROM tenant WHERE id = ?1") \
    S(DENIAL_TRIM, \
      "DELETE FROM denial WHERE id IN (SELECT id FROM denial WHERE tenant_id = ?1 ORDER BY muted DESC, last_ms DESC" \
      " LIMIT -1 OFFSET ?2)") \
    S(DENIAL_PAGE, \
      "SELECT t.name, d.id, d.scheme, d.host, d.port, d.method, d.path, d.reason, d.route, d.credential, d.count, d.first_ms," \
      " d.last_ms, d.muted, d.detail FROM denial d JOIN tenant t ON t.id = d.tenant_id WHERE d.muted = ?1 AND (d.last_ms, d.id) < (?2, ?3)" \
      " ORDER BY d.last_ms DESC, d.id DESC LIMIT ?4") \
    S(DENIAL_PAGE_TENANT, \
      "SELECT t.name, d.id, d.scheme, d.host, d.port, d.method, d.path, d.reason, d.route, d.credential, d.count, d.first_ms," \
      " d.last_ms, d.muted, d.detail FROM tenant t JOIN denial d ON d.tenant_id = t.id WHERE t.name = ?5 AND d.muted = ?1" \
      " AND (d.last_ms, d.id) < (?2, ?3) ORDER BY d.last_ms DESC, d.id DESC LIMIT ?4") \
    S(DENIAL_MUTE, \
      "UPDATE denial SET muted = ?7 WHERE tenant_id = ?1 AND scheme = ?2 AND host = ?3" \
      " AND port = ?4 AND method = ?5 AND path = ?6") \
    S(GRANT_COUNT, \
      "SELECT count(*), (SELECT routes FROM tenant WHERE id = ?1) FROM granted WHERE tenant_id = ?1 AND until_ms > ?2") \
    S(GRANT_ADD, \
      "INSERT INTO granted (tenant_id, scheme, host, port, method, path, until_ms, uses_left, created_ms, by, websocket)" \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)") \
    S(GRANT_LIST, \
      "SELECT id, scheme, host, port, method, path, until_ms, uses_left, websocket, created_ms, by FROM granted" \
      " WHERE tenant_id = ?1 AND until_ms > ?2 ORDER BY id") \
    S(GRANT_GET, \
      "SELECT id, scheme, host, port, method, path, until_ms, uses_left, websocket FROM granted" \
      " WHERE id = ?1 AND tenant_id = ?2 AND until_ms > ?3") \
    S(GRANT_USE, "UPDATE granted SET uses_left = 0 WHERE id = ?1 AND uses_left = 1") \
    S(GRANT_DELETE, "DELETE FROM granted WHERE id = ?1") \
    S(GRANT_OVER, "SELECT id, tenant_id FROM granted WHERE until_ms <= ?1 ORDER BY until_ms LIMIT 1") \
    S(GRANT_NEXT, "SELECT until_ms FROM granted ORDER BY until_ms LIMIT 1") \
    S(AUDIT_LAST, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1") \
    S(AUDIT_ADD, "INSERT INTO audit (seq, tenant, time_ms, denied, row, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)") \
    S(AUDIT_WALK, \
      "SELECT seq, tenant, time_ms, denied, row, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2") \
    S(TENANT_ID, "SELECT id FROM tenant WHERE name = ?1") \
    S(SERIES_ADD, \
      "INSERT INTO series (span, tenant_id, start, allowed, denied, failed, tripwire, request_bytes, response_bytes," \
      " input_tokens, output_tokens, last_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)" \
      " ON CONFLICT (span, tenant_id, start) DO UPDATE SET allowed = allowed + excluded.allowed," \
      " denied = denied + excluded.denied, failed = failed + excluded.failed, tripwire = tripwire + excluded.tripwire," \
      " request_bytes = min(request_bytes + excluded.request_bytes, 4611686018427387904)," \
      " response_bytes = min(response_bytes + excluded.response_bytes, 4611686018427387904)," \
      " input_tokens = min(input_tokens + excluded.input_tokens, 4611686018427387904)," \
      " output_tokens = min(output_tokens + excluded.output_tokens, 4611686018427387904)," \
      " last_ms = max(last_ms, excluded.last_ms)") \
    S(SERIES_READ, \
      "SELECT start, allowed, denied, failed, tripwire, request_bytes, response_bytes, input_tokens, output_tokens" \
      " FROM series WHERE span = ?1 AND tenant_id = ?2 AND start >= ?3 AND start < ?4 ORDER BY start") \
    S(SERIES_RECENT, \
      "SELECT ifnull(sum(requests), 0), ifnull(sum(refused), 0), ifnull((SELECT last_ms FROM series" \
      " WHERE span = 3600 AND tenant_id = ?1 ORDER BY start DESC LIMIT 1), 0) FROM" \
      " (SELECT allowed + denied + failed + tripwire AS requests, denied + tripwire AS refused FROM series" \
      " WHERE span = 3600 AND tenant_id = ?1 AND start >= ?2 UNION ALL" \
      " SELECT allowed + denied + failed + tripwire, denied + tripwire FROM series" \
      " WHERE span = 60 AND tenant_id = ?1 AND start >= ?3 AND start < ?2)") \
    S(SERIES_FORGET, "DELETE FROM series WHERE span IN (60, 3600) AND tenant_id = ?1") \
    S(SERIES_OLDEST, "SELECT start FROM series INDEXED BY series_minute WHERE span = 60 ORDER BY start LIMIT 1") \
    S(SERIES_PRUNE, "DELETE FROM series INDEXED BY series_minute WHERE span = 60 AND start < ?1") \
    S(CREDENTIAL_USED, \
      "UPDATE credential SET used_ms = ?3 WHERE tenant_id = ?1 AND name = ?2 AND used_ms < ?3") \
    S(AUDIT_TENANT_DOWN, "SELECT row FROM audit WHERE tenant = ?1 ORDER BY seq DESC LIMIT ?2") \
    S(AUDIT_DOWN, "SELECT seq, row, hash FROM audit WHERE seq >= ?1 AND seq < ?2 ORDER BY seq DESC") \
    S(AUDIT_BLOCK_ROWS, "SELECT time_ms, row FROM audit WHERE seq > ?1 AND seq <= ?2 ORDER BY seq") \
    S(AUDIT_BLOCK_ADD, "INSERT INTO audit_block (block, min_ms, max_ms, keys) VALUES (?1, ?2, ?3, ?4)") \
    S(AUDIT_BLOCK_LAST, "SELECT block FROM audit_block ORDER BY block DESC LIMIT 1") \
    S(AUDIT_BLOCKS, "SELECT block, min_ms, max_ms, keys FROM audit_block WHERE block <= ?1 ORDER BY block DESC") \
    S(AUDIT_HASH, "SELECT hash FROM audit WHERE seq = ?1") \
    S(AUDIT_PAGE, \
      "SELECT seq, row, hash FROM audit WHERE seq > ?1 AND time_ms >= ?2 AND denied >= ?3 ORDER BY seq LIMIT ?4") \
    S(AUDIT_PAGE_TENANT, \
      "SELECT seq, row, hash FROM audit WHERE seq > ?1 AND time_ms >= ?2 AND denied >= ?3 AND tenant = ?5" \
      " ORDER BY seq LIMIT ?4") \
    S(AUDIT_NEWEST, \
      "SELECT seq, row, hash FROM audit WHERE seq > ?1 AND time_ms >= ?2 AND denied >= ?3 ORDER BY seq DESC LIMIT ?4") \
    S(AUDIT_NEWEST_TENANT, \
      "SELECT seq, row, hash FROM audit WHERE seq > ?1 AND time_ms >= ?2 AND denied >= ?3 AND tenant = ?5" \
      " ORDER BY seq DESC LIMIT ?4")
/* clang-format on */

enum store_stmt {
#define STORE_STMT_ENUM(name, sql) STORE_STMT_##name,
    STORE_STATEMENTS(STORE_STMT_ENUM)
#undef STORE_STMT_ENUM
        STORE_STMT__COUNT
};

#endif
