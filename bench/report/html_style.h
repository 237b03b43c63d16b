/* SPDX-License-Identifier: Apache-2.0 */
/* The look of a page, and of a plot that stands alone. */
#ifndef SLUICE_BENCH_REPORT_HTML_STYLE_H
#define SLUICE_BENCH_REPORT_HTML_STYLE_H

/* Colours are told apart with any colour sight, on light and on dark. */
#define PLOT_STYLE                                                             \
	":root{color-scheme:light dark;--paper:#f7f7f4;--card:#fff;"           \
	"--ink:#1d2126;--soft:#5c6670;--rule:#dcdfe3;--best:#00734f;"          \
	"--warn:#9a4b00}\n"                                                    \
	"@media(prefers-color-scheme:dark){:root{--paper:#14171b;"             \
	"--card:#1b1f25;--ink:#e4e7ea;--soft:#9aa5b0;--rule:#343b43;"          \
	"--best:#4fd0a5;--warn:#f0a860}}\n"                                    \
	".s0{--c:#0a78bd}.s1{--c:#d55e00}.s2{--c:#009e73}.s3{--c:#cc6fa3}"     \
	".s4{--c:#d99400}.s5{--c:#3fa7df}.s6{--c:#8268c9}.s7{--c:#848484}\n"   \
	"svg{font:17px system-ui,sans-serif;overflow:visible}\n"               \
	"svg text{fill:var(--soft);paint-order:stroke;stroke:var(--card);"     \
	"stroke-width:5}\n"                                                    \
	"svg path{fill:none;stroke:var(--c);stroke-width:2;"                   \
	"vector-effect:non-scaling-stroke;stroke-linejoin:round}\n"            \
	"svg .mark{stroke-width:1.5;fill:var(--c)}svg .open{fill:var(--card)}" \
	"svg .band{stroke:none;fill:var(--c);opacity:.16}"                     \
	"svg .grid{stroke:var(--rule);stroke-width:1}"                         \
	"svg .thin{stroke-width:1;opacity:.7}"                                 \
	"svg .slo{stroke:var(--soft);stroke-dasharray:7 5}"                    \
	"svg .dash .line{stroke-dasharray:8 4}"                                \
	"svg .dots .line{stroke-dasharray:2 4}svg .paper{fill:var(--card)}\n"

#define HTML_STYLE                                                             \
	"*{box-sizing:border-box}\n"                                           \
	"body{margin:0 auto;max-width:76rem;padding:2rem 1.2rem 4rem;"         \
	"background:var(--paper);color:var(--ink);"                            \
	"font:16px/1.5 system-ui,sans-serif}\n"                                \
	"h1{font-size:1rem;margin:0;color:var(--soft);font-weight:600}\n"      \
	"h2{font-size:1.1rem;margin:0 0 .6rem}\n"                              \
	"p{margin:.4rem 0}\n"                                                  \
	".verdict{font-size:1.5rem;line-height:1.3;margin:.4rem 0 1rem;"       \
	"max-width:54rem;text-wrap:balance}\n"                                 \
	".soft,figcaption,dd{color:var(--soft)}.soft b{font-weight:600;"       \
	"color:var(--ink);margin-right:.8em}\n"                                \
	".plots{display:grid;gap:1.2rem;margin:1.2rem 0;grid-template-"        \
	"columns:repeat(auto-fit,minmax(min(100%,28rem),1fr))}\n"              \
	"figure,.card{margin:0 0 1.2rem;padding:1rem 1.2rem;"                  \
	"background:var(--card);border:1px solid var(--rule);"                 \
	"border-radius:10px}figure{margin:0}\n"                                \
	"figcaption{font-size:.85rem;min-height:4.2em}\n"                      \
	"figcaption b{display:block;color:var(--ink);font-size:1.05rem}\n"     \
	"figure svg{display:block;width:100%;margin-top:.8rem}\n"              \
	".wide{overflow-x:auto}\n"                                             \
	"table{border-collapse:collapse;font-size:.88rem;"                     \
	"font-variant-numeric:tabular-nums;width:100%}\n"                      \
	"th,td{padding:.32rem .6rem;text-align:right;white-space:nowrap}\n"    \
	"th{font-weight:600;color:var(--soft);"                                \
	"border-bottom:2px solid var(--rule)}\n"                               \
	"tr>:first-child{text-align:left;position:sticky;left:0;"              \
	"background:var(--card)}\n"                                            \
	"tbody tr.load td{border-top:1px solid var(--rule)}\n"                 \
	"tr.best td{color:var(--best);font-weight:600}\n"                      \
	"tr.contended td,tr.why td{color:var(--warn)}\n"                       \
	"tr.why td{text-align:left;font-size:.82rem;padding-top:0}\n"          \
	".plain th,.plain td{text-align:left;white-space:normal;"              \
	"vertical-align:top;overflow-wrap:anywhere;border:0}\n"                \
	"summary{cursor:pointer;font-weight:600;padding:.2rem 0}\n"            \
	"dl{display:grid;grid-template-columns:max-content 1fr;"               \
	"gap:.2rem 1.2rem;font-size:.9rem;margin:.6rem 0}\n"                   \
	"dt{font-weight:600}dd{margin:0}\n"                                    \
	"@media(max-width:40rem){svg{font-size:25px}"                          \
	".verdict{font-size:1.25rem}figcaption{min-height:0}}\n"               \
	"@media print{:root{--paper:#fff;--card:#fff;--ink:#000;"              \
	"--soft:#444;--rule:#bbb}svg{font-size:25px}table{font-size:.6rem}"    \
	"body{padding:0;max-width:none}.plots{grid-template-columns:1fr 1fr}"  \
	"figure,.card{break-inside:avoid}th,td{padding:.2rem .3rem}}\n"

#endif
