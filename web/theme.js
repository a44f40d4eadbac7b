// theme.js: light, dark, or as the system has it. The only thing that the console keeps in the browser.
const KEY = 'clawbox-theme';

/** 'light', 'dark' or '' */
export function theme() {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return ''; // A browser that keeps nothing has the system's.
  }
}

export function applyTheme() {
  const chosen = theme();
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  dispatchEvent(new Event('clawbox-theme'));
}

export function chooseTheme(chosen) {
  try {
    if (chosen) localStorage.setItem(KEY, chosen);
    else localStorage.removeItem(KEY);
  } catch {
    // Then it holds for this page only as the system has it.
  }
  applyTheme();
}
