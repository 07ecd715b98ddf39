"""The page's style sheet, for phones and wide screens."""

from alexnet_tf.figures import matplotlib_defaults

STYLE = """
:root { --ink: #222; --quiet: #666; --line: #ddd; --bar: BAR; --truth: TRUTH; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; color: var(--ink);
  background: #fff; font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: .5rem 0; line-height: 1.2; }
h2 { margin: 3rem 0 1rem; padding-top: 1rem; border-top: 3px solid var(--ink); }
h3 { margin: 2.5rem 0 .5rem; }
h4 { margin: 1.2rem 0 .4rem; font-size: 1rem; }
h4 .quiet { font-weight: 400; }
p { max-width: 46rem; }
figure { margin: 0; }
figcaption { margin-top: .3rem; }
figcaption, .quiet, dl { color: var(--quiet); font-size: .875rem; }
img { display: block; width: 100%; height: auto; }
.sharp { image-rendering: pixelated; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; }
dd { margin: 0; color: var(--ink); }
.warning { padding: .6rem .8rem; border-left: 4px solid var(--truth);
  background: #fff4ec; }
.answer { display: grid; grid-template-columns: minmax(8rem, 16rem) minmax(0, 1fr);
  gap: 1rem 2rem; align-items: center; }
.bars { margin: 0; padding: 0; list-style: none; }
.bars li { margin-bottom: .6rem; }
.name { display: flex; justify-content: space-between; gap: 1rem; }
.name span:last-child { white-space: nowrap; }
.track { height: .9rem; border-radius: 3px; background: #eee; }
.bar { height: 100%; min-width: 1px; border-radius: 3px; background: var(--bar); }
.truth .bar { background: var(--truth); }
.three { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 1.2rem; }
.scale { display: flex; align-items: center; gap: .5rem; max-width: 24rem;
  margin: .3rem 0; color: var(--quiet); font-size: .875rem; }
.scale i { flex: 1; height: .6rem; border-radius: 3px; }
.layer { display: flex; gap: 1rem; align-items: center; margin-top: 3rem; }
.layer div { flex: 1; }
.layer h3, .layer p { margin: 0; }
.layer svg { flex: none; width: 5rem; height: 5rem; }
.maps { display: grid; grid-template-columns: repeat(8, minmax(0, 1fr)); gap: .5rem; }
.maps figcaption { margin: 0; text-align: center; font-size: .8rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr));
  gap: 1rem; }
.card { padding: .7rem; border: 1px solid var(--line); border-radius: 6px; }
.card h5 { margin: 0 0 .5rem; font-size: .95rem; }
.card figcaption, .card p { margin: .2rem 0 .4rem; font-size: .8rem;
  line-height: 1.35; }
.halves { display: grid; grid-template-columns: 3fr 5fr; gap: .8rem; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); }
@media (max-width: 44rem) {
  body { padding: .8rem; }
  .answer, .three { grid-template-columns: 1fr; }
  .answer img { max-width: 16rem; }
  .maps { grid-template-columns: repeat(4, minmax(0, 1fr)); }
}
""".replace("BAR", matplotlib_defaults.BLUE).replace(
    "TRUTH", matplotlib_defaults.VERMILLION
)
