// What a person must be able to do with the pages, each a function that throws when it does not work.
// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { EXTRA_DOMAINS, LABEL } from "./servers.mjs";

/** Of all rows: a click returns before the page has come whole. */
async function names(page) {
  await page.waitForLoadState();
  return page.locator("tbody th[scope=row] a").allInnerTexts();
}
const row = (page, name) => page.locator("tbody tr", { has: page.getByRole("link", { name, exact: true }) });
const range = (page) => page.locator(".paging > span").first().innerText();

async function find(page, text) {
  await page.goto("/");
  await page.getByLabel("Name or label").fill(text);
  await page.getByRole("button", { name: "Show" }).click();
}

/** Functional cases, run without JavaScript. Input: a page whose base URL is the exporter's. */
export const cases = {
  async "the fleet shows the right verdicts, the worst first"(page) {
    await page.goto("/");
    const first = await names(page);
    assert.ok(await row(page, first[0]).getByText("mail refused").isVisible());
    const expected = {
      "healthy.lab.test": ["ok", "enforce"],
      "mode-testing.lab.test": ["ok", "testing"],
      "mx-expired.lab.test": ["failing", "mail refused", "certificate-expired", "expired"],
      "policy-script.lab.test": ["failing", "sts-policy-invalid"],
      "starttls-missing.lab.test": ["failing", "mail refused", "starttls-not-supported"],
    };
    for (const [name, words] of Object.entries(expected)) {
      await find(page, name);
      const text = await row(page, name).innerText();
      for (const word of words) assert.ok(text.includes(word), `${name}: no "${word}" in ${JSON.stringify(text)}`);
    }
  },

  async "search finds parts of names and of labels"(page) {
    await find(page, "MX-EXPIRED");
    assert.deepEqual((await names(page)).sort(), ["mx-expired-intermediate.lab.test", "mx-expired.lab.test"]);
    await find(page, "mail & <b>");
    assert.deepEqual(await names(page), ["healthy.lab.test"]);
    assert.ok((await row(page, "healthy.lab.test").innerText()).includes(LABEL));
    await find(page, "no such thing");
    assert.deepEqual(await names(page), []);
    assert.ok(await page.getByText("No domain is like that.").isVisible());
    await page.getByRole("link", { name: "Show all" }).first().click();
    assert.equal((await names(page)).length, 100);
  },

  async "state and mode filter"(page) {
    await page.goto("/");
    await page.getByLabel("State").selectOption("failing");
    await page.getByLabel("Mode").selectOption("testing");
    await page.getByRole("button", { name: "Show" }).click();
    const found = await names(page);
    assert.ok(found.length > 0);
    for (const state of await page.locator("tbody .state").allInnerTexts()) assert.equal(state, "failing");
    assert.equal(await page.getByLabel("State").inputValue(), "failing");
    await page.locator(".summary a", { hasText: "mail refused" }).click();
    assert.equal(await page.locator("tbody tr").count(), await page.locator("tbody strong", { hasText: "mail refused" }).count());
  },

  async "the heads of columns sort"(page) {
    await find(page, "lab.test");
    await page.getByRole("link", { name: "Domain", exact: true }).click();
    const upwards = await names(page);
    assert.deepEqual(upwards, [...upwards].sort());
    assert.equal(await page.locator("th[aria-sort=ascending]").innerText(), "Domain");
    await page.getByRole("link", { name: "Domain", exact: true }).click();
    const downwards = await names(page);
    assert.deepEqual(downwards, [...downwards].sort().reverse());
    assert.equal(await page.getByLabel("Name or label").inputValue(), "lab.test");
    await page.getByRole("link", { name: "Certificate ends in" }).click();
    assert.match(await page.locator("tbody tr").first().innerText(), /expired/);
  },

  async "a long list has parts"(page) {
    await find(page, "extra.test");
    assert.equal(await range(page), `1–100 of ${EXTRA_DOMAINS.toLocaleString("en")}`);
    const first = await names(page);
    assert.equal(first.length, 100);
    await page.getByRole("link", { name: "Next", exact: true }).click();
    assert.equal(await range(page), `101–200 of ${EXTRA_DOMAINS.toLocaleString("en")}`);
    assert.ok(!first.includes((await names(page))[0]));
    await page.getByRole("link", { name: "Last", exact: true }).click();
    assert.ok((await names(page)).includes(`d${EXTRA_DOMAINS - 1}.extra.test`));
    await page.getByRole("link", { name: "First", exact: true }).click();
    assert.deepEqual(await names(page), first);
    await page.goto("/?page=999999&sort=nonsense&state=%3Cb%3E&mode=x&order=up");
    assert.ok((await names(page)).length > 0);
  },

  async "a failing domain says what is wrong and what to do"(page) {
    await find(page, "mx-expired.lab.test");
    await page.getByRole("link", { name: "mx-expired.lab.test", exact: true }).click();
    assert.match(await page.locator(".verdict").innerText(), /^Mail is refused:/);
    assert.match(await page.locator(".todo").innerText(), /certificate-expired.*critical[^]*To do: Renew the certificate/);
    assert.match(await page.locator("pre.command").first().innerText(), /^timeout 60 openssl s_client -starttls smtp /);
    await page.locator("summary", { hasText: "The way back" }).click();
    assert.match(await page.getByRole("region", { name: "Policy file to publish" }).innerText(), /^version: STSv1\nmode: testing\n/);
    await page.locator("summary", { hasText: "The way back" }).click();
    assert.match(await page.getByRole("region", { name: "MX hosts" }).innerText(), /127\.64\.\d+\.\d+[^]*TLSv1\.3[^]*expired/);
    await page.locator("summary", { hasText: "mx1.mx-expired.lab.test at" }).last().click();
    assert.match(await page.locator("details[open] pre").innerText(), /^S: 220 /);
    assert.match(await page.locator("#seen ~ .wide").innerText(), /certificate-expired\s+still there/);
    assert.match(await page.locator("#seen + p").innerText(), /1 report of the last 30 days .* 1,234 sessions succeeded, 56 failed/);
  },

  async "a healthy domain is said to be well"(page) {
    await page.goto("/domains/healthy.lab.test");
    assert.match(await page.locator(".verdict").innerText(), /^All is well: .* mode enforce/);
    assert.equal(await page.locator(".todo").count(), 0);
    assert.match(await page.locator(".timeline").innerText(), /Policy with id lab\w+ first seen/);
  },

  async "a policy full of HTML stays text"(page) {
    await page.goto("/domains/policy-script.lab.test");
    assert.match(await page.title(), /^policy-script\.lab\.test/);
    const text = await page.locator("table.lines").innerText();
    assert.ok(text.includes("<script>document.title = 'owned'</script>") && text.includes("{{{title}}}"), text);
    assert.equal(await page.locator("script, img").count(), 0);
    assert.equal(await page.locator("h1").count(), 1);
    assert.ok((await page.locator("table.lines .mark .note").allInnerTexts()).some((note) => note.includes("error: ")));
  },

  async "certificates can be downloaded"(page) {
    await page.goto("/domains/healthy.lab.test");
    const links = page.getByRole("link", { name: /^Chain of .* as PEM$/, includeHidden: true });
    assert.ok((await links.count()) >= 3);
    for (const href of await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))) {
      const response = await page.request.get(href);
      assert.equal(response.headers()["content-type"], "application/x-pem-file");
      assert.match(response.headers()["content-disposition"], /^attachment; filename="[\w.-]+\.pem"$/);
      const shown = execFileSync("openssl", ["x509", "-noout", "-subject"], { input: await response.body(), encoding: "utf8" });
      assert.match(shown, /healthy\.lab\.test/);
    }
    assert.equal((await page.request.get("/domains/healthy.lab.test/chain.pem?host=mx1.mx-expired.lab.test&address=127.0.0.1")).status(), 404);
  },

  async "the check form probes now"(page) {
    await page.goto("/");
    await page.getByRole("textbox", { name: "Check a domain now" }).fill(" mx-expired.lab.test ");
    await page.getByRole("button", { name: "Check" }).click();
    assert.match(await page.locator(".verdict").innerText(), /^Mail is refused:/);
    assert.ok(await page.getByText("Probed for this page").isVisible());
    await page.getByRole("textbox", { name: "Check a domain now" }).fill("stranger.lab.test");
    await page.getByRole("button", { name: "Check" }).click();
    assert.match(await page.getByRole("alert").innerText(), /not among the configured domains[^]*allow_unconfigured: true/);
    await page.getByRole("textbox", { name: "Check a domain now" }).fill('"><script>alert(3)</script>');
    await page.getByRole("button", { name: "Check" }).click();
    assert.match(await page.getByRole("alert").innerText(), /no domain name/);
    assert.equal(await page.getByRole("textbox", { name: "Check a domain now" }).inputValue(), '"><script>alert(3)</script>');
  },

  async "reports are shown and explained"(page) {
    await page.goto("/reports?domain=mx-expired.lab.test");
    const text = await page.locator(".report").first().innerText();
    for (const words of ["<b>Sender</b> & Sons", "1,234 succeeded", "56 failed", "<script>alert(2)</script>", "To do:", "accept_unauthenticated"])
      assert.ok(text.includes(words), `no "${words}" in ${JSON.stringify(text)}`);
    await page.goto("/reports?domain=healthy.lab.test");
    assert.ok(await page.getByText("No report about healthy.lab.test has been filed.").isVisible());
  },

  async "runbook links lead somewhere"(page) {
    await page.goto("/domains/mx-expired.lab.test");
    await page.getByRole("link", { name: /^Runbook of/ }).first().click();
    const anchor = new URL(page.url()).hash.slice(1);
    assert.equal(anchor, "expired");
    assert.match(await page.locator(`dt[id="${anchor}"] + dd`).innerText(), /To do:/);
  },

  async "the keyboard reaches everything"(page) {
    await page.goto("/domains/mx-expired.lab.test");
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").innerText(), "Skip to the content");
    await page.keyboard.press("Enter");
    assert.match(page.url(), /#content$/);
    assert.ok((await page.locator(".wide:not([tabindex])").count()) === 0);
  },

  async "what is not there is said to be so"(page) {
    const response = await page.goto("/domains/other.example");
    assert.equal(response.status(), 404);
    assert.ok(await page.getByRole("heading", { name: "No such domain" }).isVisible());
  },
};

/** Pages that must be accessible and fit, in light and dark, wide and narrow. */
export const pages = {
  fleet: "/",
  "fleet, nothing found": "/?q=nothing-like-this",
  "failing domain": "/domains/mx-expired.lab.test",
  "domain with several faults": "/domains/mx-one-of-three.lab.test",
  "domain with a bad policy": "/domains/policy-script.lab.test",
  "healthy domain": "/domains/healthy.lab.test",
  reports: "/reports",
  runbooks: "/runbooks",
  check: "/check",
  "refused check": "/check?domain=stranger.lab.test",
  "checked domain": "/check?domain=mx-addresses-disagree.lab.test",
};
