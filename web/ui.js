// ui.js: what pages are made of, in one import.
export { html } from './ui/html.js';
export { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
export { useAction, useData } from './ui/data.js';
export { Page, Section, Facts, Empty, Loading, Problem, Notice } from './ui/page.js';
export { Table, More } from './ui/table.js';
export { Form, Field, TextField, TextArea, Select, Checkbox, Search } from './ui/form.js';
export { Button, Copy, download, Badge, Menu } from './ui/button.js';
export { Goes } from './ui/goes.js';
export { Dialog, ConfirmTyped, Confirm } from './ui/dialog.js';
export { toast } from './ui/toast.js';
export { Chart } from './ui/chart.js';
export { Time, Ago, count, bytes, changeWords, duration, exactTime } from './ui/format.js';
