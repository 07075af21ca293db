// node screenshots.mjs DIR: the Ray dashboard and the notebook, run in a real browser, as PNG files in DIR.
// DASHBOARD, NOTEBOOK: their addresses (the second with its token); MODULES: the folder that playwright-core is in;
// CHROMIUM: the browser. Fails when a page does not show what it must.
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { DASHBOARD, NOTEBOOK, MODULES, CHROMIUM = '/usr/bin/chromium' } = process.env
const folder = process.argv[2]
const { chromium } = createRequire(join(MODULES, 'x.js'))('playwright-core')
const profile = mkdtempSync(join(tmpdir(), 'chromium-'))
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: CHROMIUM,
  headless: true,
  viewport: { width: 1280, height: 860 },
  locale: 'en-GB',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
})

async function notebook() {
  const page = await browser.newPage()
  await page.setViewportSize({ width: 1280, height: 1500 })
  await page.goto(NOTEBOOK)
  const result = page.getByText(/Mean accuracy of \d+ seeds/).last()
  await result.waitFor({ timeout: 30_000 }).catch(async () => {
    // Whether cells run when a notebook is opened is the user's setting.
    await page.getByTestId('run-button').first().click({ timeout: 5_000 }).catch(() => {})
    await page.keyboard.press('Control+Shift+r')
    await result.waitFor({ timeout: 240_000 })
  })
  const errors = await page.getByText(/This cell raised an exception|Traceback/).count()
  if (errors) throw new Error(`${errors} cells of the notebook failed`)
  console.error('notebook:', (await result.innerText()).trim())
  // The outputs are what is shown; the code is in the file.
  await page.getByTestId('hide-code-button').or(page.locator('#preview-button')).first().click({ timeout: 5_000 })
    .catch(() => page.keyboard.press('Control+.'))
  await page.waitForTimeout(3000)
  await page.evaluate(() => window.scrollTo(0, 0))
  await page.screenshot({ path: join(folder, 'notebook.png') })
}

async function dashboard() {
  const page = await browser.newPage()
  await page.goto(`${DASHBOARD}/#/cluster`)
  await page.getByText(/ALIVE/).first().waitFor({ timeout: 60_000 })
  await page.waitForTimeout(3000)
  console.error('dashboard:', await page.title(), await page.getByText('ALIVE').count(), 'alive')
  await page.screenshot({ path: join(folder, 'dashboard.png') })
}

try {
  await notebook()
  await dashboard()
} finally {
  await browser.close()
  rmSync(profile, { recursive: true, force: true })
}
