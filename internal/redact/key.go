package redact

import "strings"

// findJWT finds JSON Web Tokens in their compact form: RFC 7519, section 3.
func findJWT(text string, from int) (start, end int) {
	const begin, fewest = "eyJ", 8
	for i := from; ; {
		at := strings.Index(text[i:], begin)
		if at < 0 {
			return -1, -1
		}
		at += i
		if at > 0 && isBase64URL(text[at-1]) {
			i = at + len(begin)
			continue
		}
		header := endOf(text, at, isBase64URL)
		if header-at < fewest || header == len(text) || text[header] != '.' {
			i = header
			continue
		}
		payload := endOf(text, header+1, isBase64URL)
		if payload-header <= fewest || payload == len(text) || text[payload] != '.' {
			i = header
			continue
		}
		end := endOf(text, payload+1, isBase64URL)
		// encrypted ones have five
		for parts := 3; parts < 5 && end < len(text)-1 && text[end] == '.' && isBase64URL(text[end+1]); parts++ {
			end = endOf(text, end+1, isBase64URL)
		}
		return at, end
	}
}

// endOf returns where the characters of a kind end that begin at i.
func endOf(text string, i int, is func(byte) bool) int {
	for i < len(text) && is(text[i]) {
		i++
	}
	return i
}

// The beginnings of keys, as their vendors document them, with how many characters follow at least.
var keyPrefixes = []struct {
	prefix string
	fewest int
}{
	{"AIza", 30},               // Google
	{"AKIA", 16}, {"ASIA", 16}, // AWS
	{"ATATT3", 20},    // Atlassian
	{"SG.", 20},       // SendGrid
	{"dapi", 32},      // Databricks
	{"dckr_pat_", 20}, // Docker
	{"dop_v1_", 32},   // DigitalOcean
	{"fw_", 20},       // Fireworks
	{"ghp_", 20}, {"gho_", 20}, {"ghu_", 20}, {"ghs_", 20}, {"ghr_", 20}, {"github_pat_", 20},
	{"glpat-", 16}, {"gldt-", 16}, {"glrt-", 16}, {"glcbt-", 16}, // GitLab
	{"gsk_", 20},                                                           // Groq
	{"hf_", 20},                                                            // Hugging Face
	{"key-", 32},                                                           // Mailgun
	{"lin_api_", 20},                                                       // Linear
	{"mgc_", 16},                                                           // Beckon
	{"npm_", 20},                                                           //
	{"ntn_", 20},                                                           // Notion
	{"nvapi-", 20},                                                         // NVIDIA
	{"pplx-", 20},                                                          // Perplexity
	{"pypi-", 20},                                                          //
	{"r8_", 20},                                                            // Replicate
	{"rk_live_", 16}, {"rk_test_", 16}, {"sk_live_", 16}, {"sk_test_", 16}, // Stripe
	{"shpat_", 20}, {"shpss_", 20}, // Shopify
	{"sk-", 20},                   // OpenAI, Anthropic, OpenRouter, DeepSeek and others
	{"sk_", 32},                   //
	{"whsec_", 20}, {"whsk_", 20}, // Standard Webhooks
	// xAI
	{"xai-", 20},
	// Slack
	{"xapp-", 16}, {"xoxa-", 16}, {"xoxb-", 16}, {"xoxe-", 16}, {"xoxo-", 16}, {"xoxp-", 16}, {"xoxr-", 16}, {"xoxs-", 16}, {"xoxe.", 16},
	{"ya29.", 20}, // Google
}

// keysByFirst has the places of keyPrefixes by their first letter.
var keysByFirst = func() (places [256][]int) {
	for i, k := range keyPrefixes {
		places[k.prefix[0]] = append(places[k.prefix[0]], i)
	}
	return places
}()

const (
	// maxDigitless is how far into a key its first digit may be: words joined by dashes have none.
	maxDigitless  = 64
	maxPEM        = 32 << 10
	bearerToken   = 16 // characters that a bearer token has at least
	maxBearerStep = 3  // blanks between Bearer and its token
)

// findKeys returns what finds keys of vendors, bearer tokens and private keys in PEM.
func findKeys() finder {
	var pem pemFinder
	return func(text string, from int) (start, end int) {
		for i := from; i < len(text); i++ {
			c := text[i]
			if c == '-' && strings.HasPrefix(text[i:], pemBegin) {
				if end := pem.at(text, i); end > 0 {
					return i, end
				}
				continue
			}
			if i > 0 && isWord(text[i-1]) {
				continue
			}
			if c|0x20 == 'b' {
				if start, end := credentialsAt(text, i); end > 0 {
					return start, end
				}
			}
			if isDigit(c) {
				if end := telegramAt(text, i); end > 0 {
					return i, end
				}
			}
			for _, place := range keysByFirst[c] {
				if end := keyAt(text, i, keyPrefixes[place].prefix, keyPrefixes[place].fewest); end > 0 {
					return i, end
				}
			}
		}
		return -1, -1
	}
}

// keyAt returns where the key with a prefix ends that begins at i; 0 where none does.
func keyAt(text string, i int, prefix string, fewest int) int {
	if !strings.HasPrefix(text[i:], prefix) {
		return 0
	}
	begin := i + len(prefix)
	hasDigit := false
	for at := begin; at < len(text) && at-begin < max(maxDigitless, fewest); at++ {
		if !isBase64URL(text[at]) && text[at] != '.' {
			if at-begin < fewest {
				return 0
			}
			break
		}
		hasDigit = hasDigit || isDigit(text[at])
		if at == len(text)-1 && at+1-begin < fewest {
			return 0
		}
	}
	if !hasDigit {
		return 0
	}
	end := endOf(text, begin, func(c byte) bool {
		return isBase64URL(c) || c == '.' || c == '+' || c == '/' || c == '='
	})
	for text[end-1] == '.' {
		end--
	}
	return end
}

// credentialsAt finds what stands behind Bearer or Basic.
func credentialsAt(text string, i int) (start, end int) {
	for _, scheme := range []string{"bearer", "basic"} {
		if len(text)-i <= len(scheme) || !strings.EqualFold(text[i:i+len(scheme)], scheme) {
			continue
		}
		start = i + len(scheme)
		for start < len(text) && start-i-len(scheme) < maxBearerStep && (text[start] == ' ' || text[start] == '\t') {
			start++
		}
		if start == i+len(scheme) {
			return 0, 0
		}
		hasDigit, at := false, start
		for ; at < len(text) && isToken68(text[at]) && at-start < maxDigitless; at++ {
			hasDigit = hasDigit || isDigit(text[at]) || text[at] == '='
		}
		if at-start < bearerToken || !hasDigit {
			return 0, 0
		}
		return start, endOf(text, at, isToken68)
	}
	return 0, 0
}

// telegramAt returns where the token of a Telegram bot ends that begins at i, such as 123456789:AAE….
func telegramAt(text string, i int) int {
	colon := i
	for colon < len(text) && colon-i <= 10 && isDigit(text[colon]) {
		colon++
	}
	if colon-i < 8 || !strings.HasPrefix(text[colon:], ":AA") {
		return 0
	}
	if end := endOf(text, colon+1, isBase64URL); end-colon-1 >= 33 {
		return end
	}
	return 0
}

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	pemDash  = "-----"
)

// pemFinder finds private keys in PEM (RFC 7468), also those of which only the beginning is there. It remembers
// where the next end of anything is, so that a text of beginnings is not searched for ends again and again.
type pemFinder struct {
	end      int // of the first pemEnd at or behind searched; -1 for none
	searched int
	began    bool
}

func (p *pemFinder) at(text string, i int) int {
	label := text[i+len(pemBegin) : min(i+len(pemBegin)+64, len(text))]
	dash := strings.Index(label, pemDash)
	if dash < 0 || !strings.Contains(label[:dash], "PRIVATE KEY") {
		return 0
	}
	body := i + len(pemBegin) + dash + len(pemDash)
	if !p.began || p.end >= 0 && p.end < body {
		p.began, p.searched = true, body
		if p.end = strings.Index(text[body:], pemEnd); p.end >= 0 {
			p.end += body
		}
	}
	if p.end < 0 || p.end-body > maxPEM {
		return endOf(text[:min(body+maxPEM, len(text))], body, isPEM)
	}
	end := p.end + len(pemEnd)
	if close := strings.Index(text[end:min(end+64, len(text))], pemDash); close >= 0 {
		return end + close + len(pemDash)
	}
	return end
}

// isPEM reports whether a byte is of the body of a PEM block, also of one whose line breaks are escaped.
func isPEM(c byte) bool { return isToken68(c) || strings.IndexByte(" \r\n\t\\:,", c) >= 0 && c != 0 }
