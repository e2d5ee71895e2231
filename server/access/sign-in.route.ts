import { type Express } from 'express';
import { route, secured } from '../platform/http/index.js';
import { type AccessService, sessionCookie } from './access.service.js';

const page = (title: string, body: string, refresh = '') =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}<title>${title}</title>` +
  `<body style="font:16px/1.6 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem"><h1 style="font-size:1.25rem">${title}</h1>${body}</body></html>`;

/**
 * `GET /sign-in?token=…`: exchanges a link's token for a session cookie. Answers with a page that goes on to the console
 * by itself: after a redirect from another site's link, a browser would hold a SameSite=Strict cookie back.
 */
export function signInRoute(app: Express, access: AccessService): void {
  app.get(
    '/sign-in',
    route(async (request, response) => {
      const { token } = request.query;
      response.setHeader('Referrer-Policy', 'no-referrer');
      response.setHeader('Cache-Control', 'no-store');
      const session = typeof token === 'string' && token !== '' ? await access.redeem(token) : null;
      if (!session) {
        response
          .status(401)
          .type('html')
          .send(
            page(
              'This link does not sign you in',
              '<p>It was used already, or is older than a day. Make a new one on the server: <code>npx erpfts sign-in-link</code></p>' +
                '<p lang="ja">このリンクではサインインできません。使用済みか、発行から1日が過ぎています。サーバーで <code>npx erpfts sign-in-link</code> を実行すると、新しいリンクを発行できます。</p>' +
                '<p><a href="/">Console / コンソール</a></p>',
            ),
          );
        return;
      }
      response.append('Set-Cookie', secured(`${sessionCookie}=${session.token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${session.maxAgeSeconds}`, request));
      response
        .type('html')
        .send(page('Signed in', '<p><a href="/">Go on to the console / コンソールへ進む</a></p>', '<meta http-equiv="refresh" content="0;url=/">'));
    }),
  );
}
