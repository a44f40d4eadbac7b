// pages.js: the console's pages, one file of pages/ each; the navigation has those with a `nav`, in this order.
// A page's default export is a component; it gets {params, query, session} and draws a <Page> (ui/page.js).
export const pages = [
  { path: '/', nav: 'Overview', load: () => import('./pages/overview.js') },
  { path: '/tenants', nav: 'Tenants', load: () => import('./pages/tenants.js') },
  { path: '/tenants/:tenant', under: '/tenants', load: () => import('./pages/tenant.js') },
  { path: '/routes', nav: 'Routes', load: () => import('./pages/routes.js') },
  { path: '/tenants/:tenant/routes', under: '/routes', load: () => import('./pages/routes.js') },
  { path: '/credentials', nav: 'Credentials', load: () => import('./pages/credentials.js') },
  { path: '/tenants/:tenant/credentials', under: '/credentials', load: () => import('./pages/credentials.js') },
  { path: '/denials', nav: 'Denials', load: () => import('./pages/denials.js') },
  { path: '/audit', nav: 'Audit', load: () => import('./pages/audit.js') },
  { path: '/settings', nav: 'Settings', last: true, load: () => import('./pages/settings.js') },
];
