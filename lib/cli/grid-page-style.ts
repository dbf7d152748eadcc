/** The style of the grid's page. Each state has a colour and a letter: nothing is told by colour alone. */
export const PAGE_STYLE = `
:root { --back: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --focus: #0b57d0;
  --done: #b7e4c0; --stale: #f5d565; --due: #b6d4fe; --missing: #eef1f4; --open: #dde3ea; --running: #8fe0ea; --failed: #f5a3a3; --quarantined: #e0b3ef; }
@media (prefers-color-scheme: dark) { :root { --back: #14171a; --ink: #e8eaed; --soft: #9aa4af; --line: #3a424b; --focus: #8ab4f8;
  --done: #1f5130; --stale: #6d5600; --due: #1f4275; --missing: #23282d; --open: #333b44; --running: #0f5a66; --failed: #8a1f1f; --quarantined: #5d2a70; } }
* { box-sizing: border-box }
body { margin: 0; padding: 1rem 1.25rem; background: var(--back); color: var(--ink); font: 14px/1.45 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.3rem } header p { margin: .2rem 0 .7rem; color: var(--soft) }
.tools { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center }
#legend { display: flex; flex-wrap: wrap; gap: .35rem }
#legend button, select { font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 4px; padding: .15rem .5rem }
#legend button[aria-pressed=false] { opacity: .45; text-decoration: line-through }
#legend i { font: 600 12px/1.3 ui-monospace, monospace; padding: 0 .3rem; margin-right: .35rem; border-radius: 3px }
main { display: flex; gap: 1.5rem; align-items: flex-start; margin-top: 1rem }
#map { font: 600 11px/1 ui-monospace, monospace; overflow: auto; max-height: 82vh; padding: 2px; flex: 0 1 auto }
.row { display: flex; align-items: center; gap: 1px; content-visibility: auto; contain-intrinsic-height: 18px; margin-bottom: 1px }
.row b { font-weight: 400; color: var(--soft); min-width: var(--label); padding-right: .6rem; white-space: pre }
.row button, .row span { width: 17px; height: 17px; flex: none; padding: 0; border: 0; border-radius: 3px; font: inherit; text-align: center; color: var(--ink); line-height: 17px }
.row button.off { opacity: .12 } .row button:hover { outline: 1px solid var(--soft) }
:focus-visible, .row button[aria-selected=true] { outline: 2px solid var(--focus); outline-offset: 0; z-index: 1; position: relative }
.done { background: var(--done) } .stale { background: var(--stale) } .due { background: var(--due) } .missing { background: var(--missing) }
.open { background: var(--open) } .running { background: var(--running) } .failed { background: var(--failed) } .quarantined { background: var(--quarantined) }
#details { flex: 1 1 30rem; min-width: 18rem; position: sticky; top: 0; overflow: auto; max-height: 90vh }
#details i { font-style: normal; padding: 0 .35rem; border-radius: 3px }
#details h2 { font-size: 1.05rem; margin: 0 0 .3rem } #details p { margin: .2rem 0; overflow-wrap: anywhere } .wrong { border-left: 3px solid var(--failed); padding-left: .5rem }
table { border-collapse: collapse; margin-top: .6rem; font-variant-numeric: tabular-nums } th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap }
td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 9rem }
th { font-weight: 600; color: var(--soft) } td.n, th.n { text-align: right; white-space: nowrap }
@media (max-width: 800px) { main { flex-direction: column } #details { position: static } }
`
