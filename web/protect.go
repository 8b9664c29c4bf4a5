package web

import "net/http"

// policy lets a page load what Beckon serves and nothing else: no inline script or style, no frame around it. Charts
// and the icons of the style sheets are the data: images.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; " +
	"font-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// protect sets the headers of everything that is a page, or stands for one.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	// Not no-referrer: browsers would then send forms with Origin: null.
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}
