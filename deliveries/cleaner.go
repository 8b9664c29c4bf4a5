package deliveries

import (
	"net/url"
	"strings"
	"sync/atomic"

	"beckon/internal/secret"
)

// cleaner takes out of a text what may be a key of a destination's endpoint: receivers repeat what they were asked for.
type cleaner struct {
	endpoint    Endpoint
	publicPaths bool
	last        atomic.Pointer[cleanerOf]
}

// cleanerOf is a cleaner for requests to one URL. An endpoint's nearly always go to the same.
type cleanerOf struct {
	url   string
	clean func(text string) string
}

func newCleaner(e Endpoint, publicPaths bool) *cleaner {
	return &cleaner{endpoint: e, publicPaths: publicPaths}
}

// text is a text that was answered to a request, or that was made of such an answer.
func (c *cleaner) text(requested, text string) string {
	if text == "" {
		return ""
	}
	last := c.last.Load()
	if last == nil || last.url != requested {
		last = &cleanerOf{requested, c.redactor(requested).Cleaner()}
		c.last.Store(last)
	}
	return last.clean(text)
}

func (c *cleaner) redactor(requested string) secret.Redactor {
	hidden := secret.Redactor{}
	hidden.Hide(c.endpoint.Secret.Reveal(), secret.Mask)
	for _, value := range c.endpoint.Headers {
		hidden.Hide(value.Reveal(), secret.Mask)
	}
	if c.publicPaths {
		return hidden
	}
	for _, raw := range []string{c.endpoint.URL, requested} {
		u, err := url.Parse(raw)
		if err != nil {
			continue
		}
		for _, part := range []string{u.RequestURI(), u.Path, u.RawQuery, u.Path[strings.LastIndexByte(u.Path, '/')+1:]} {
			if len(part) > len("/api/") {
				hidden.Hide(part, secret.Mask)
			}
		}
	}
	return hidden
}
