package chat

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sashabaranov/go-openai"

	"beckon/agents"
)

// maxLessons bounds how many things are learnt in one call: each costs a request.
const maxLessons = 8

// lessons are what the answers of a provider have taught about one of its models: which parameters it takes, and
// how. They are never guessed from the model's name: a deployment may have any. A value is never changed; learning
// makes another.
type lessons struct {
	renamesTokens bool     // max_tokens is max_completion_tokens
	fromTheStart  bool     // that was known before there was an answer
	leftOut       []string // names of members, in order
	systemRole    string   // in place of "system"; "user" has the system prompt stand in front of the user's
	stream        string   // agents.StreamNever or StreamAlways
	// The model does not keep to response_format, and has to be told of the schema in words.
	schemaInPrompt bool
	mostTokens     int64 // that the model writes, where nobody has set a limit; 0 is not known
}

var nothingLearnt = &lessons{}

func (l *lessons) leavesOut(name string) bool { return slices.Contains(l.leftOut, name) }

func (l *lessons) without(name string) *lessons {
	next := *l
	next.leftOut = append(slices.Clip(l.leftOut), name)
	return &next
}

// notes say what was learnt, for people.
func (l *lessons) notes() (list []string) {
	if l.renamesTokens && !l.fromTheStart {
		list = append(list, "It takes max_completion_tokens in place of max_tokens.")
	}
	for _, name := range l.leftOut {
		switch name {
		case memberTemperature:
			list = append(list, "It takes no temperature: the agent's is left out.")
		case memberTools:
			list = append(list, "It knows no tools: it is offered none.")
		case memberStreamOptions:
			list = append(list, "It does not take stream_options: the tokens of streams are not counted.")
		case memberFormat, memberOutputConfig, memberText:
			list = append(list, "It cannot be held to a schema: it is told of it in the prompt.")
		default:
			list = append(list, fmt.Sprintf("It does not take %s, which is left out.", name))
		}
	}
	switch l.systemRole {
	case openai.ChatMessageRoleDeveloper:
		list = append(list, "It takes the system prompt as a message of the role developer.")
	case openai.ChatMessageRoleUser:
		list = append(list, "It knows no system prompt: it stands in front of the user's message.")
	}
	if l.mostTokens > 0 {
		list = append(list,
			fmt.Sprintf("It writes at most %d tokens: without maxTokens it is asked for as many.", l.mostTokens))
	}
	if l.schemaInPrompt {
		list = append(list, "It does not keep to a schema by itself: it is told of it in the prompt too.")
	}
	switch l.stream {
	case agents.StreamAlways:
		list = append(list, "It answers only as a stream.")
	case agents.StreamNever:
		list = append(list, "It cannot stream.")
	}
	return list
}

// knowledge is what was learnt of one model of one provider. It is shared by all who ask it.
type knowledge struct{ current atomic.Pointer[lessons] }

func (k *knowledge) lessons() *lessons {
	if l := k.current.Load(); l != nil {
		return l
	}
	return nothingLearnt
}

// learn puts next in the place of last, unless somebody else has learnt something meanwhile.
func (k *knowledge) learn(last, next *lessons) bool {
	if last == nothingLearnt {
		return k.current.CompareAndSwap(nil, next)
	}
	return k.current.CompareAndSwap(last, next)
}

// library has the knowledge of all models, as long as the process lives.
type library struct{ byModel sync.Map }

func (l *library) of(p agents.Provider, model string, url *url.URL) *knowledge {
	k := &knowledge{}
	if url.Host == openAIHost && strings.HasSuffix(url.Path, chatCompletions.path) {
		// All models of OpenAI's take it, and the newer ones nothing else.
		k.current.Store(&lessons{renamesTokens: true, fromTheStart: true})
	}
	known, _ := l.byModel.LoadOrStore([3]string{p.ID, url.String(), model}, k)
	return known.(*knowledge)
}

// teaches are the statuses whose reason may teach something. A chat template that does not know a role is a 500 in
// llama.cpp; no endpoint that takes tools is a 404 at OpenRouter.
var teaches = []int{
	0, http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError,
	http.StatusNotImplemented,
}

// asked is what a request had that a provider may not take.
type asked struct {
	stream, tools, system bool
	limited               bool // a budget limits the tokens
}

// learnFrom returns what a failure teaches in addition to what was known when the request was made; nil for
// nothing. What the parameters of the configuration say is left as it is.
func (r *request) learnFrom(f *failure, had asked, known *lessons) *lessons {
	d := f.diagnose()
	if d.words == "" || !slices.Contains(teaches, f.status) {
		return nil
	}
	next := *known
	complains := func(name string) bool {
		return !r.isSet(name) && !known.leavesOut(name) && mentions(d.words, name) &&
			saysUnsupported.MatchString(d.words)
	}
	for _, name := range r.wire.optional {
		if complains(name) || name == memberInclude && !r.isSet(name) && !known.leavesOut(name) && saysNotEncrypted.MatchString(d.words) {
			return known.without(name)
		}
	}
	switch tokens := r.tokensName(known, had.limited); {
	case r.tokens && known.mostTokens == 0 && saysMostTokens.MatchString(d.words):
		next.mostTokens, _ = strconv.ParseInt(saysMostTokens.FindStringSubmatch(d.words)[1], 10, 64)
		return &next
	case tokens != "" && complains(tokens) && r.wire.hasRoles && tokens == memberMaxTokens:
		next.renamesTokens = true
		return &next
	case tokens != "" && complains(tokens):
		return known.without(tokens)
	case r.has(memberTemperature) && complains(memberTemperature):
		return known.without(memberTemperature)
	case had.stream && mentions(d.words, memberStreamOptions) && !known.leavesOut(memberStreamOptions):
		return known.without(memberStreamOptions)
	case had.tools && !known.leavesOut(memberTools) && (saysNoTools.MatchString(d.words) || complains(memberTools)):
		return known.without(memberTools)
	case r.format != nil && !r.isSet(r.wire.schema) && !known.leavesOut(r.wire.schema) &&
		saysNoFormat.MatchString(d.words):
		return known.without(r.wire.schema)
	case !had.stream && known.stream == "" && saysStreamOnly.MatchString(d.words):
		next.stream = agents.StreamAlways
		return &next
	case had.stream && known.stream == "" && saysNoStream.MatchString(d.words):
		next.stream = agents.StreamNever
		return &next
	case had.system && r.wire.hasRoles && known.systemRole != openai.ChatMessageRoleUser &&
		saysSystemRole.MatchString(d.words) && saysUnsupported.MatchString(d.words):
		next.systemRole = openai.ChatMessageRoleUser
		if known.systemRole == "" && strings.Contains(d.words, openai.ChatMessageRoleDeveloper) {
			next.systemRole = openai.ChatMessageRoleDeveloper
		}
		return &next
	}
	if name := r.rejected(d); r.lenient && r.isSet(name) && !known.leavesOut(name) {
		return known.without(name)
	}
	return nil
}

// tokensName is the name under which the limit of tokens is sent; "" for no limit.
func (r *request) tokensName(known *lessons, limited bool) string {
	switch {
	case !limited && !r.has(r.wire.tokens):
		return ""
	case known.renamesTokens:
		return memberMaxCompletion
	}
	return r.wire.tokens
}

func (r *request) has(name string) bool {
	return !r.isSet(name) && slices.ContainsFunc(r.members, func(m member) bool { return m.name == name })
}
