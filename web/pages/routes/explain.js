// explain.js: what would become of a request, without sending it; of the document that is being written, or of the one that is saved.
import { useState } from 'preact/hooks';
import { send } from '../../api.js';
import { aboutGrant, decidedBy } from '../../model/explanation.js';
import { VERDICTS } from '../../model/records.js';
import { Badge, Button } from '../../ui/button.js';
import { Form, Select, TextField } from '../../ui/form.js';
import { Time } from '../../ui/format.js';
import { html } from '../../ui/html.js';
import { Facts, Problem, Section } from '../../ui/page.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];
const port = (canonical) => (canonical.port === (canonical.scheme === 'http' ? 80 : 443) ? '' : `:${canonical.port}`);

function Answer({ answer, tenant }) {
  const { canonical, credential, grant, sent } = answer;
  const about = aboutGrant(answer);
  return html`<div class="answer">
    <p><${Badge} tone=${VERDICTS[answer.verdict] ?? 'quiet'}>${answer.verdict}<//> ${answer.text}</p>
    ${answer.refused && html`<p>${answer.refused}</p>`}
    ${about && html`<p>${about} <a href=${`/denials?tenant=${encodeURIComponent(tenant)}`}>What ${tenant} is allowed for a time</a></p>`}
    <${Facts} rows=${[
      ['Reason', html`<code>${answer.reason}</code> (${answer.status})`],
      decidedBy(answer),
      grant && ['Ends', html`<${Time} at=${grant.until} />`],
      canonical && ['Read as', html`<code>${canonical.scheme}://${canonical.host}${port(canonical)}${canonical.path}</code>`],
      credential && ['Credential', html`${credential.name}${credential.set === false ? ', which is not set' : ''}${credential.bound === false ? ', which is not bound to this host' : ''}`],
      sent && ['Goes to', sent.to],
      sent?.put_in?.length > 0 && ['Goes in', html`<code>${sent.put_in.join(', ')}</code>`],
    ]} />
    ${answer.before?.length > 0 && html`<p class="quiet">It wins over: ${answer.before.map((one) => `${one.route} (${one.why})`).join(', ')}</p>`}
  </div>`;
}

export function Explain({ tenant, text }) {
  const [method, setMethod] = useState('GET');
  const [url, setUrl] = useState('');
  const [state, setState] = useState({ answer: null, error: null, busy: false, of: null });
  const ask = async () => {
    setState((now) => ({ ...now, busy: true, error: null }));
    try {
      const body = text === null ? { method, url } : { method, url, document: text };
      setState({ answer: await send('POST', `/v1/tenants/${encodeURIComponent(tenant)}:explain`, body), error: null, busy: false, of: text });
    } catch (error) {
      setState({ answer: null, error, busy: false, of: text });
    }
  };
  return html`<${Section} title="What would this allow?" about=${text === null ? 'Asked of what is saved. Nothing is sent.' : 'Asked of what you wrote. Nothing is sent.'}>
    <${Form} onSubmit=${ask}>
      <div class="ask">
        <${Select} label="Method" value=${method} options=${METHODS.map((name) => [name, name])} onValue=${setMethod} />
        <${TextField} label="URL" type="url" value=${url} placeholder="https://api.example.com/v1" onValue=${setUrl} />
      </div>
      <${Button} type="submit" busy=${state.busy} disabled=${url.trim() === ''}>Explain<//>
    <//>
    <${Problem} error=${state.error} />
    <div aria-live="polite">${state.answer && html`<${Answer} answer=${state.answer} tenant=${tenant} />`}
      ${state.answer && state.of !== text && html`<p class="hint">The document was changed since: ask again.</p>`}</div>
  <//>`;
}
