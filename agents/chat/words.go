package chat

import (
	"regexp"
	"strings"
	"sync"
)

// The words by which providers say what is wrong. They are looked for, in lower case, in a failure's message, type,
// code and parameter.
var (
	saysQuota = anyOf(
		`insufficient[_ ](quota|balance|credit|fund)`, `quota[_ ]exceeded`,
		`exceeded[_ ](your[_ ])?(current[_ ])?quota`,
		`usage[_ ]limit`, `credit balance`, `payment[_ ]required`, `billing`,
		`out of credits`, `(not enough|no) credits`,
		`requires more credits`, `arrear`, `account.{0,30}overdue`)
	saysQuotaForGood = anyOf(`insufficient_quota`, `usage[_ ]limit`, `billing_hard_limit`)
	saysRetry        = anyOf(`per[_ ](minute|second)`, `(re)?try (again )?(in|after)`, `retrydelay`, `rate[_ ]limit`)
	saysRateLimited  = anyOf(`rate[_ -]?limit`, `too many requests`, `resource[_ ]?exhausted`)
	saysTooLong      = anyOf(
		`context[_ ](length|window|size)`, `maximum context`, `exceed_context`, `(prompt|input)( is)? too (long|large)`,
		`input length`, `too many (input |prompt )?tokens`, `reduce the length`, `token limit exceeded`,
		`(exceeds?|over) the (maximum|max|model's).{0,30}(token|length)`)
	saysRefused = anyOf(
		`content[_ ]filter`, `content[_ ](management[_ ])?policy`, `responsible_?ai`, `data_inspection_failed`,
		`inappropriate content`, `safety system`, `moderation`, `prohibited[_ ]content`,
		`was flagged`, `unsafe content`)
	saysNoModel = anyOf(
		`(model|deployment)_?not_?found`, `no such (model|deployment)`, `(unknown|invalid|unsupported) model`,
		`not a valid model`,
		`(model|deployment)\b.{0,120}\b(not found|(does|do|did) ?n[o']t exist|not exist|not available|no longer available)`,
		`^model: .{0,120} not_found_error`, // Anthropic's
		`(model|deployment)\b.{0,120}\b(decommissioned|has been (retired|deprecated))`)
	saysPassing = anyOf(
		`overload`, `rate[_ -]?limit`, `too many requests`, `try (it )?again`, `retry`, `temporar`, `unavailable`,
		`timed?[_ -]?out`, `capacity`, `(internal|server)[_ ]?(server[_ ])?error`, `service[_ ]error`, `busy`,
		`resource[_ ]?exhausted`, `upstream`)
)

// The words by which they say that they do not take something.
var (
	saysUnsupported = anyOf(
		`unsupported`, `not supported`, `(does|do|is|are|did) ?n[o']t (support|allow|permit|accept|recogni)`,
		`unrecogni[sz]ed`, `unknown`, `unexpected`, `extra (input|field|param)`, `extra_forbidden`,
		`not (permitted|allowed)`, `only (the )?(default|1\b|one\b)`, `may only be`, `deprecated`, `use .?max_`,
		`invalid (argument|parameter|field|key)`, `additional propert`, `cannot be (set|used|specified)`,
		`must (not|be omitted|be removed)`, `no such (field|param)`)
	saysNoTools = anyOf(
		`n[o']t support (the )?(use of )?(tool|function)`, `support tool use`, `enable-auto-tool-choice`,
		`(tool|function)s?( calling| use| calls?)? (is|are) not (supported|enabled|available)`,
		`tool[ _]choice.{0,40}requires`)
	saysNoFormat = anyOf(`response_?format`,
		`json_?schema`, `structured output`, `guided_json`, `output[_ ](config|format)`)
	saysNotEncrypted = anyOf(`encrypted content is not supported`)   // OpenAI, of reasoning that is to be sent back
	saysMostTokens   = regexp.MustCompile(`max_tokens: \d+ > (\d+)`) // Anthropic's
	saysStreamOnly   = anyOf(
		`only support\w* stream`, `only (available|works?) (in|with) stream`,
		`enable (the )?stream`, `requires? stream`,
		`stream.{0,3} (must|should|has to|needs to) be (set to )?true`)
	saysNoStream = anyOf(
		`stream(ing)?( mode)? (is )?(not supported|unsupported|not available)`, `n[o']t support stream`,
		`stream.{0,3} (must|should) be (set to )?false`, `unsupported.{0,10}'stream'`)
	saysSystemRole = anyOf(
		`system (role|message|prompt|instruction)`, `role.{0,60}'?system`, `developer (role|message|instruction)`,
		`'(system|developer)'`)
)

// expression is a regular expression that is compiled when it is first needed. Most processes never need most of them.
type expression func() *regexp.Regexp

func (e expression) MatchString(text string) bool { return e().MatchString(text) }

func anyOf(patterns ...string) expression {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(strings.Join(patterns, "|")) })
}

// mentions reports whether a word stands in a text by itself: max_tokens is none in max_tokens_to_sample.
func mentions(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		from = i + len(word)
		if (i == 0 || !isWord(text[i-1])) && (from == len(text) || !isWord(text[from])) {
			return true
		}
	}
}

func isWord(b byte) bool {
	return b == '_' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
