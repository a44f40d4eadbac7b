// eslint.config.mjs: what `./dev lint` asks of the JavaScript. Beside eslint's own rules: nothing that the console's Content-Security-Policy
// would refuse, and no other origin.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../build/web-tests/x', import.meta.url));
const js = require('@eslint/js');

const names = (text, value = 'readonly') => Object.fromEntries(text.split(/\s+/).filter(Boolean).map((name) => [name, value]));
const browser = names(`AbortController Blob CustomEvent Event EventSource EventTarget Intl ResizeObserver TextDecoder TextEncoder URL
  URLSearchParams addEventListener atob btoa clearInterval clearTimeout console crypto dispatchEvent document fetch getComputedStyle getSelection
  history localStorage location matchMedia navigator performance PerformanceObserver queueMicrotask removeEventListener scrollTo sessionStorage
  setInterval setTimeout`);
const node = names('Buffer URL clearTimeout console fetch process setTimeout AbortController TextEncoder TextDecoder');

const sink = (property) => ({ property, message: 'text goes into the page as text' });

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    rules: { eqeqeq: 'error', 'no-eval': 'error', 'no-implied-eval': 'error', 'no-new-func': 'error', 'no-var': 'error', 'prefer-const': 'error' },
  },
  { files: ['web/**/*.js'], languageOptions: { globals: browser } },
  { files: ['web/build.mjs', 'tests/web/**'], languageOptions: { globals: node } },
  { files: ['tests/web/**'], languageOptions: { globals: { ...browser, ...node } } },
  {
    files: ['web/**/*.js'],
    rules: {
      'no-restricted-properties': ['error', ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'srcdoc', 'cssText'].map(sink),
        { object: 'document', property: 'write' }, { object: 'document', property: 'writeln' }],
      'no-restricted-syntax': ['error',
        { selector: 'Property[key.name="dangerouslySetInnerHTML"]', message: 'text goes into the page as text' },
        { selector: 'TemplateElement[value.raw=/dangerouslySetInnerHTML|(^|\\s)style=/]', message: 'a class, or text' },
        { selector: 'Literal[value=/^(https?:)?\\/\\/./]', message: 'the console talks to its own origin only' }],
    },
  },
];
