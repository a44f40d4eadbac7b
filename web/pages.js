// pages.js: the console's pages, one file of pages/ each; the navigation has those with a `nav`, in this order.
// A page's default export is a component; it gets {params, query, session} and draws a <Page> (ui/page.js).
export const pages = [
  { path: '/tenants', nav: 'Tenants', load: () => import('./pages/tenants.js') },
];
