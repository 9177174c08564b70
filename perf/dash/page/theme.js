// Light or dark: as the system says, unless the button was pressed, which is remembered.

const KEY = 'corechan dash theme';
const THEMES = ['system', 'light', 'dark'];

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // not allowed
  }
}

export function startTheme(button, changed) {
  let theme = THEMES.includes(remembered()) ? remembered() : 'system';
  const apply = () => {
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    changed();
  };
  button.onclick = () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch { /* then it is not remembered */ }
    apply();
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
  apply();
}
