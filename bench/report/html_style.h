/* SPDX-License-Identifier: Apache-2.0 */
/* The look of a page. gnuplot writes black and gray into its pictures; here they
 * become the page's own, so that pictures follow it into the dark. */
#ifndef SLUICE_BENCH_REPORT_HTML_STYLE_H
#define SLUICE_BENCH_REPORT_HTML_STYLE_H

#define HTML_STYLE                                                             \
	":root{color-scheme:light dark;--paper:#fbfbf9;--card:#fff;"           \
	"--ink:#1d2126;--soft:#5c6670;--rule:#dfe2e5;--best:#00734f;"          \
	"--best-paper:#e4f4ee;--warn:#9a4b00;--warn-paper:#fdf1e3;"            \
	"--bar:#0a78bd}\n"                                                     \
	"@media(prefers-color-scheme:dark){:root{--paper:#14171b;"             \
	"--card:#1b1f25;--ink:#e4e7ea;--soft:#9aa5b0;--rule:#333a42;"          \
	"--best:#4fd0a5;--best-paper:#15302a;--warn:#f0a860;"                  \
	"--warn-paper:#33261a;--bar:#3fa7df}}\n"                               \
	"*{box-sizing:border-box}\n"                                           \
	"body{margin:0 auto;max-width:72rem;padding:2.5rem 1.5rem 4rem;"       \
	"background:var(--paper);color:var(--ink);"                            \
	"font:16px/1.55 system-ui,sans-serif}\n"                               \
	"h1{font-size:1.9rem;margin:0;letter-spacing:-.02em}\n"                \
	"h2{font-size:1.2rem;margin:2.8rem 0 .8rem}\n"                         \
	"p{margin:.4rem 0;max-width:46rem}\n"                                  \
	".soft,figcaption,dd,.unit{color:var(--soft)}\n"                       \
	"figure,.card{margin:1.2rem 0;padding:1.1rem 1.3rem;"                  \
	"background:var(--card);border:1px solid var(--rule);"                 \
	"border-radius:10px}\n"                                                \
	"figcaption{font-size:.92rem;max-width:52rem}\n"                       \
	"figcaption b{display:block;color:var(--ink);font-size:1.05rem}\n"     \
	"figure svg{display:block;width:100%;height:auto;margin-top:.6rem}\n"  \
	"svg [color=black]{color:var(--ink)}\n"                                \
	"svg [stroke=black]{stroke:var(--ink)}\n"                              \
	"svg [fill=black]{fill:var(--ink)}\n"                                  \
	"svg .gridline{stroke:var(--rule)}\n"                                  \
	".wide{overflow-x:auto}\n"                                             \
	"table{border-collapse:collapse;font-size:.88rem;"                     \
	"font-variant-numeric:tabular-nums;width:100%}\n"                      \
	"th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap}\n"    \
	"th{font-weight:600;color:var(--soft);"                                \
	"border-bottom:2px solid var(--rule)}\n"                               \
	"tr>:first-child{text-align:left}\n"                                   \
	"tbody tr.load td{border-top:1px solid var(--rule)}\n"                 \
	"tr.best td{color:var(--best);background:var(--best-paper);"           \
	"font-weight:600}\n"                                                   \
	"tr.contended td,tr.why td,.notice{color:var(--warn);"                 \
	"background:var(--warn-paper)}\n"                                      \
	"tr.why td{text-align:left;font-size:.82rem;padding-top:0}\n"          \
	".notice{padding:.8rem 1.2rem;border-radius:10px;max-width:none}\n"    \
	".bars{display:grid;grid-template-columns:max-content 1fr "            \
	"max-content;gap:.45rem 1rem;align-items:center}\n"                    \
	".bars i{display:block;height:.8rem;border-radius:4px;"                \
	"background:var(--bar)}\n"                                             \
	".plain th,.plain td{text-align:left;white-space:normal;"              \
	"vertical-align:top;border-bottom:1px solid var(--rule)}\n"            \
	".plain th{width:11rem}\n"                                             \
	"dl{display:grid;grid-template-columns:max-content 1fr;"               \
	"gap:.2rem 1.2rem;font-size:.9rem;margin:.6rem 0}\n"                   \
	"dt{font-weight:600}dd{margin:0}\n"                                    \
	"summary{cursor:pointer;font-weight:600}\n"                            \
	"code{font-family:ui-monospace,monospace;font-size:.92em}\n"

#endif
