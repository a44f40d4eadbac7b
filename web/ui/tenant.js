// tenant.js: choosing the tenant that a page is about; the address says which, so that a page can be linked to.
import { useEffect } from 'preact/hooks';
import { getAll } from '../api.js';
import { go, setQuery } from '../router.js';
import { useData } from './data.js';
import { Select } from './form.js';
import { html } from './html.js';
import { Empty, Loading, Problem } from './page.js';

/** The names of the tenants that this session sees: {names, error, reload}; names is null until they are known. */
export function useTenants() {
  const { data, error, reload } = useData('/v1/tenants?limit=1000', { load: () => getAll('/v1/tenants?limit=1000', 'tenants') });
  return { names: data?.map((tenant) => tenant.name) ?? null, error, reload };
}

/** A list to choose from. `all`: also none of them, by these words. */
export function TenantPicker({ names, value, all, onValue = (name) => setQuery({ tenant: name }) }) {
  const options = [...(all ? [['', all]] : []), ...names.map((name) => [name, name])];
  if (value && !names.includes(value)) options.push([value, `${value} (not there)`]);
  return html`<${Select} label="Tenant" value=${value ?? ''} options=${options} onValue=${onValue} />`;
}

// The tenant that such a page was about last: the next one begins with it.
let last = '';

/**
 * For a page that is about one tenant (`page` is its address): draws `children(name, picker)`, for the one in the address, else the last
 * one, else the first, and says what to do when there is none.
 */
export function OneTenant({ page, params, query, children }) {
  const { names, error, reload } = useTenants();
  const asked = params.tenant || query.tenant;
  const chosen = asked || (names?.includes(last) ? last : names?.[0]);
  const to = (name) => go(`${page}?tenant=${encodeURIComponent(name)}`, { replace: true });
  useEffect(() => {
    last = chosen ?? last;
    if (!asked && chosen) to(chosen);
  }, [chosen]);
  if (error && !names) return html`<${Problem} error=${error} retry=${reload} />`;
  if (!names) return html`<${Loading} lines=${6} />`;
  if (!chosen) {
    return html`<${Empty} title="There is no tenant yet.">Make the first one under <a href="/tenants">Tenants</a>.<//>`;
  }
  return children(chosen, html`<${TenantPicker} names=${names} value=${chosen} onValue=${to} />`);
}
