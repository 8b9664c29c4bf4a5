package forms

import (
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"beckon/internal/problem"
)

// What visitors are told. Messages about a field have their limit in place of %d.
const (
	required     = "required"
	tooLong      = "too_long"
	tooShort     = "too_short"
	tooLarge     = "too_large"
	tooSmall     = "too_small"
	several      = "several"
	notText      = "not_text"
	fileTooLarge = "file_too_large"

	thanksTitle  = "thanks_title"
	thanksText   = "thanks_text"
	backToPage   = "back_to_page"
	wrongTitle   = "wrong_title"
	wrongText    = "wrong_text"
	backToForm   = "back_to_form"
	useBack      = "use_back"
	refusedTitle = "refused_title"
	sentWith     = "sent_with"

	refusedOrigin = "refused_origin"
	refusedMany   = "refused_many"
	refusedSize   = "refused_size"
	refusedForm   = "refused_form"
	refusedProof  = "refused_proof"
	refusedNow    = "refused_now"
	refusedGone   = "refused_gone"
)

// Words are the texts that visitors see, in one language.
type Words struct {
	Language string
	table    map[string]string
}

// all has the languages; the first is the default.
var all = []Words{{"en", english}, {"de", german}, {"fr", french}, {"es", spanish}}

var matcher = language.NewMatcher([]language.Tag{language.English, language.German, language.French, language.Spanish})

// Languages returns the languages that there are.
func Languages() []string {
	list := make([]string, len(all))
	for i, w := range all {
		list[i] = w.Language
	}
	return list
}

// maxAccept limits what is read of an Accept-Language.
const maxAccept = 500

// WordsFor returns the words for a visitor with this Accept-Language, or those of the form's own language.
func (f Form) WordsFor(accept string) Words {
	if f.Language != "" {
		accept = f.Language
	}
	if len(accept) > maxAccept {
		accept = accept[:maxAccept]
	}
	wanted, _, _ := language.ParseAcceptLanguage(accept)
	_, i, _ := matcher.Match(wanted...)
	return all[i]
}

func (w Words) of(message string, limit int) string {
	return strings.ReplaceAll(w.table[message], "%d", strconv.Itoa(limit))
}

// Refusal says why a form was refused, as far as it concerns its visitor.
func (w Words) Refusal(p *problem.Error) string {
	switch {
	case p.Code == problem.CodeChallengeFailed:
		return w.table[refusedProof]
	case p.Kind == problem.NotFound:
		return w.table[refusedGone]
	case p.Kind == problem.Denied:
		return w.table[refusedOrigin]
	case p.Kind == problem.Exhausted:
		return w.table[refusedMany]
	case p.Kind == problem.TooLarge:
		return w.table[refusedSize]
	case p.Kind == problem.Invalid, p.Kind == problem.Unsupported, p.Kind == problem.Slow:
		return w.table[refusedForm]
	}
	return w.table[refusedNow]
}
