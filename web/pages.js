// pages.js: the console's pages, one file of pages/ each; the navigation has those with a `nav`, in this order.
// A page's default export is a component; it gets {params, query, session} and draws a <Page> (ui/page.js).
export const pages = [
  { path: '/', nav: 'Overview', load: () => import('./pages/overview.js') },
  { path: '/tenants', nav: 'Tenants', load: () => import('./pages/tenants.js') },
  { path: '/tenants/:tenant', under: '/tenants', load: () => import('./pages/tenant.js') },
  { path: '/settings', nav: 'Settings', last: true, load: () => import('./pages/settings.js') },
];
