// The buttons of sign-in providers.

import { element, text, withQuery } from "./page.js";

// Draws a link for each provider into the list `place`, and returns the links. `next` is the URL that the login leads to. The box `remember` may
// be absent. `onUse` gets the id of the provider that its reader chose.
export function drawProviders(place, providers, next, remember, onUse) {
  const asked = next?.searchParams ?? new URLSearchParams();
  // The provider must ask again where the app wants a new login, or another account.
  const prompts = (asked.get("prompt") ?? "").split(" ");
  const prompt = ["login", "select_account"].find((known) => prompts.includes(known));
  const links = (Array.isArray(providers) ? providers : []).map(({ id, name }) => {
    const link = element("a.button.quiet", text("provider", { name }));
    link.dataset.way = id;
    link.addEventListener("click", () => onUse?.(id));
    return link;
  });
  const aim = () => {
    for (const link of links) {
      link.href = withQuery(`/v1/providers/${encodeURIComponent(link.dataset.way)}/start`, {
        continue: next && next.pathname + next.search,
        remember_me: remember?.checked && "true",
        prompt,
        max_age: asked.get("max_age"),
      });
    }
  };
  aim();
  remember?.addEventListener("change", aim);
  place.append(...links.map((link) => element("li", link)));
  return links;
}
