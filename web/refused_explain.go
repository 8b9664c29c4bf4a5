package web

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// refusal says what a code means, and what to do about it.
type refusal struct {
	means  string
	advice []string
}

// refusalsByCode explains the codes that calls are turned away with.
var refusalsByCode = map[string]refusal{
	problem.CodeUnauthorized:           {"The call did not authenticate as this client. A missing token, a wrong token and an unknown client get the same answer, so that callers cannot find out which clients exist.", nil},
	problem.CodeClientDisabled:         {"The token was right, but the client is disabled.", []string{"Enable the client on its page to accept its calls again."}},
	problem.CodeAgentNotAllowed:        {"The call asked for an agent or flow that this client may not use.", []string{"Add it to the client's allowed agents, or leave agent out of the call: then the first of them answers."}},
	problem.CodePromptNotAllowed:       {"This client's prompts come from its command or its template, and the runs API would take another one.", []string{"Leave input and prompt out of the call, and members of your own, or call the client's webhook instead of /api/v1/runs."}},
	problem.CodeFormNotFound:           {"A form was sent to an address that no client has. Its key may have been replaced, or cut off.", []string{"Compare the address in the page with the one that the client's page shows."}},
	problem.CodeOriginNotAllowed:       {"A form was sent from a page whose origin the client does not list.", []string{"If the page is yours, add its origin to the pages that have the form, on the client's page: https://acme.example, with www where the address has it.", "Pages that are opened from disk, or hide where they come from (Referrer-Policy: no-referrer), send the origin null: list it to take their forms."}},
	problem.CodeInvalidFields:          {"A visitor has sent a form with fields that are missing or wrong, and was told which.", []string{"If it happens often, give the inputs of the page the same limits: required, type and maxlength."}},
	problem.CodeChallengeFailed:        {"A form came without a solution of its challenge, or with one that was wrong, too old or used before.", []string{"Programs that fill in forms do this. If visitors do, look whether the challenge's script is in the page, and whether site key and secret belong together."}},
	problem.CodeChallengeUnavailable:   {"The solution of a form's challenge could not be verified: its vendor did not answer.", []string{"Look in the log why. challenge: altcha needs no vendor."}},
	problem.CodeEmptyPrompt:            {"The call had no prompt, and neither the client nor the agent has a default prompt.", []string{"Look whether the caller sends a body at all: an empty variable or a missing file often leaves it empty.", "Send the text as the body, or as prompt in a JSON object or a form.", "Or give the client or its agent a prompt: it is the work of calls that bring none."}},
	problem.CodeInvalidPrompt:          {"The prompt of the JSON body is not a text.", []string{"Send {\"prompt\": \"…\"} with a string. To send an object itself as the prompt, leave out the member prompt."}},
	problem.CodeInvalidJSON:            {"The Content-Type says JSON, but the body is not valid JSON.", []string{"Look for quotes and line breaks that a shell or a template has put into the body unescaped. jq -n --arg prompt \"$TEXT\" '{prompt: $prompt}' writes it right.", "For plain text, send Content-Type: text/plain."}},
	problem.CodeInvalidForm:            {"The body is not the form that its Content-Type says.", []string{"Let the client's library set the Content-Type of multipart forms: it has a boundary that must match the body."}},
	problem.CodeInvalidText:            {"The body is not text.", []string{"Send UTF-8 text. Files such as images and archives are not understood."}},
	problem.CodeInvalidUTF8:            {"The body is not UTF-8.", []string{"Convert it before it is sent, for example with iconv -t utf-8."}},
	problem.CodeInvalidParameter:       {"A parameter of the call has an invalid value.", []string{"The reason above names it. Fix it in the caller."}},
	problem.CodeInvalidWebhook:         {"The webhook in the call cannot be used.", []string{"The reason above names what is wrong with it: its URL must be public, and its events known."}},
	problem.CodeInvalidIdempotencyKey:  {"The Idempotency-Key header cannot be used.", []string{"Send one string of up to 255 printable characters, such as a UUID."}},
	problem.CodeInvalidCursor:          {"The call asked for a page of a list that does not exist.", []string{"Begin without a cursor, and keep the other parameters the same from page to page."}},
	problem.CodeBodyCutOff:             {"The connection ended before the whole body had arrived.", []string{"Look at the caller's time-outs, and at the proxies in between."}},
	problem.CodeBodyUnreadable:         {"The body could not be read from the connection.", []string{"Look at the caller's time-outs, and at the proxies in between."}},
	problem.CodeBodyTimeout:            {"The caller began to send a body and did not finish in time.", []string{"Look whether the caller waits for something before it sends the rest, and how fast its connection is."}},
	problem.CodeBodyTooLarge:           {"The body is larger than this client may send.", []string{"Raise maxBodyBytes on the client's page, or send less: only the end of a log, for example."}},
	problem.CodeUnsupportedMediaType:   {"This Content-Type is not supported.", []string{"Send application/json, text/plain or a form. curl -d says that it sends a form: add -H 'Content-Type: text/plain' or application/json."}},
	problem.CodeInvalidEncoding:        {"The body is not compressed as its Content-Encoding says, or it is cut off.", []string{"Compare the header with what the caller sends: gzip -t and zstd -t test a file."}},
	problem.CodeResultNotReady:         {"The run goes on, but the caller did not want to wait any longer.", []string{"Have it wait longer (Prefer: wait=900), raise the client's syncTimeout, or take a 202 (leave require-result out) and come back for the run."}},
	problem.CodeUnsupportedEncoding:    {"The body has an encoding that Beckon does not read.", []string{"Compress requests with gzip, deflate, br or zstd, or not at all."}},
	problem.CodeTemplateFailed:         {"The client's template could not be rendered over this request.", []string{"The reason above says where. Usually the request lacks a member: the function default gives it a value.", "Try it on the client's page with a body like the caller's."}},
	problem.CodeFilterFailed:           {"The client's filter could not be evaluated over this call.", []string{"The reason above says why. Usually the call lacks a member: ask for it first, as in has(body.action) && body.action == \"opened\".", "Try it on the client's page with a body like the caller's."}},
	problem.CodeSkippedByFilter:        {"Nothing is wrong: the client's filter does not let such calls through, and no run was started. The caller got a 200.", []string{"If the call was wanted, change the filter on the client's page."}},
	problem.CodeSkippedEmpty:           {"Nothing is wrong: the client's template makes no text of such calls, and no run was started. The caller got a 200.", []string{"If the call was wanted, change the template on the client's page."}},
	problem.CodeSkippedResolved:        {"Nothing is wrong: the call says that something is resolved of which Beckon knows nothing, or which has been resolved before. No run was started, and the caller got a 200.", []string{"If a run is wanted for it, set coalesce.onResolved of the client to run."}},
	problem.CodeRateLimitExceeded:      {"The client has reached its rate limit.", []string{"Raise the rate limit on the client's page, or have the caller wait as Retry-After says.", "If there are more calls than you expect, look for a caller that repeats itself."}},
	problem.CodeTooManyConcurrentCalls: {"The client has reached its limit of concurrent calls.", []string{"Raise maxConcurrent on the client's page, or have the caller send Prefer: respond-async: such calls wait in the queue."}},
	problem.CodeIdempotencyInFlight:    {"The first call with this Idempotency-Key is still being worked on. The call was not made twice.", []string{"Nothing is wrong when the caller repeats calls that take long. Its next try gets the answer."}},
	problem.CodeIdempotencyKeyReused:   {"This Idempotency-Key came with another request before.", []string{"Have the caller make a new key for each request. A build number or a date alone is often the same for two."}},
	problem.CodeRouteNotFound:          {"There is nothing at this address.", []string{"Compare it with the URL on the client's page: POST /api/v1/webhooks/CLIENT, without a slash at the end."}},
	problem.CodeRunNotFound:            {"There is no such run, or it is another client's.", []string{"Runs are seen with the token of the client that made them, and are deleted after retention.runs."}},
	problem.CodeMethodNotAllowed:       {"The address exists, but not for this method.", []string{"Webhooks take POST. A redirect from http to https, or a missing slash in a proxy, often turns a POST into a GET."}},
	problem.CodeClientUnusable:         {"The token is right, but the client is not in force: its configuration has an error, or an agent that it may use has.", []string{"The client's page names it. Another token would change nothing."}},
	problem.CodeAgentUnavailable:       {"The agent's configuration has an error, so that it cannot be used.", []string{"The agent's page and the log name it."}},
	problem.CodeCommandUnavailable:     {"The client's command has an error, so that it cannot be used.", []string{"The command's page and the log name it."}},
	problem.CodeGatewayFull:            {"The gateway had reached its limit of concurrent calls.", []string{"Callers that honor Retry-After try again by themselves. If it happens often, raise server.maxConcurrent or find out why answers take long."}},
	problem.CodeBudgetExhausted:        {"A budget of the client, its agent or the server is used up.", []string{"Callers that honor Retry-After try again when the budget resets. Raise the budget if you want more calls."}},
	problem.CodeMemoryFull:             {"The calls in progress used all the memory they may use.", []string{"Callers that honor Retry-After try again by themselves. If it happens often, raise server.maxMemory, or have callers send less: only the end of a log, for example."}},
	problem.CodeQueueFull:              {"The queue was full.", []string{"Look at the overview to see why runs take long. server.maxQueued limits the queue."}},
	problem.CodeShuttingDown:           {"The gateway was shutting down.", []string{"Callers that honour Retry-After reach it when it has started again."}},
	problem.CodeTooManyStreams:         {"The client had as many event streams open as it may.", []string{"Look for a caller that opens streams and does not close them. Reading a run with GET /api/v1/runs/ID needs no stream."}},
	problem.CodeRunEnded:               {"The caller wanted to cancel a run that had already ended.", []string{"Nothing is wrong when the run ended in that moment. Otherwise have the caller look at the run's status first."}},
	problem.CodeApprovalNotFound:       {"Somebody wanted to decide on a call of a tool that is not there, or that nobody has to allow.", []string{"Open the link as it was sent: it is good for one call of one run, and for nothing else."}},
	problem.CodeAlreadyDecided:         {"Somebody wanted to decide on a call of a tool that was decided already.", []string{"Nothing is wrong: the first decision counts. The run's page shows it."}},
	problem.CodeApprovalExpired:        {"Somebody wanted to decide on a call of a tool after its time.", []string{"The call was denied, and the model was told. Raise the agent's approveWithin if people need longer."}},
	problem.CodeNotApprover:            {"A client wanted to decide on a call of its own run.", []string{"Decide with the admin token, on the page, or by the link that an endpoint got which names run.waiting in its events."}},
	problem.CodeSessionNotFound:        {"The client has no conversation of that id, or it has expired.", []string{"A conversation is seen with the token of the client that it belongs to, and is kept for the ttl of its agents' session."}},
	problem.CodeSessionNotKept:         {"The client keeps no content, and the agent would have kept a conversation.", []string{"Leave sessionId out, call an agent without session, or take storeContent: false off the client."}},
	problem.CodeRunGoesOn:              {"The content of a run was to be erased that had not ended.", []string{"Cancel the run, or wait until it has ended."}},
	problem.CodeContentErased:          {"The call was repeated under the Idempotency-Key of one that was answered, and the answer is not kept.", []string{"Its client has storeContent: false, or an administrator has erased the run. A new key asks again."}},
	problem.CodeInvalidEventID:         {"The caller wanted the events after one that is not an event of this run.", []string{"Send the id of the last event of the same run as Last-Event-ID, or leave the header out to get all of them."}},
	problem.CodeSecretsUnavailable:     {"The call's webhook has headers with secrets, or its client redacts or keeps no content, and the gateway has no key to seal what it needs with.", []string{"Set server.secretsKey. Without it, callers have to leave out webhook.headers, and clients redact and storeContent."}},
	problem.CodeStorageUnavailable:     {"The database did not take the call: it was full, locked or out of reach.", []string{"Look at the disk's free space and at the log."}},
}

// refusalsByStatus are for codes that have no words of their own.
var refusalsByStatus = map[int]refusal{
	http.StatusBadRequest:          {"The request has a mistake that the caller can fix.", []string{"The reason above says what it is."}},
	http.StatusForbidden:           {"The caller is known, and may not do this.", []string{"The reason above says what is missing."}},
	http.StatusConflict:            {"The call conflicts with something that already exists.", []string{"The reason above says what."}},
	http.StatusUnprocessableEntity: {"The request is well-formed but cannot be carried out.", []string{"The reason above says why."}},
	http.StatusTooManyRequests:     {"The client has reached a limit.", []string{"Have the caller wait as Retry-After says, or raise the limit on the client's page."}},
	http.StatusServiceUnavailable:  {"The gateway could not take the call at that moment.", []string{"Callers that honor Retry-After try again by themselves. The log has more."}},
}

// refusedCodes are those to choose from, in order.
func refusedCodes() []string { return slices.Sorted(maps.Keys(refusalsByCode)) }

// explainRefusal says what the refusal of a call means and what to do. client is the one that the call names, as it is
// now, or nil.
func explainRefusal(call store.RefusedCall, client *clients.Client) (means string, advice []string) {
	r, ok := refusalsByCode[call.Code]
	if !ok {
		r, ok = refusalsByStatus[call.Status]
	}
	if !ok {
		r = refusal{"The call was turned away before a run started.", []string{"The reason above says why."}}
	}
	if call.Status == http.StatusUnauthorized {
		_, what := explainUnauthorized(call, client != nil)
		return r.means, []string{what}
	}
	return r.means, slices.Clone(r.advice)
}

// explainUnauthorized says what was wrong with an unauthorized call, of which callers are told nothing: in a few words, and
// what to do about it. known says that there is a client of the id that the call names.
func explainUnauthorized(call store.RefusedCall, known bool) (why, advice string) {
	const right = "Authorization: Bearer mgc_…"
	header := call.Headers["Authorization"]
	scheme, masked, _ := strings.Cut(header, " ")
	switch {
	case call.ClientID != "" && !known: // then no token is right
		return "No such client", fmt.Sprintf("There is no client %q at present. Compare the address that the caller uses with those of the clients.", call.ClientID)
	case strings.Contains(call.Reason, "signature"):
		return "Wrong signature", call.Reason + " Compare the client's secret with the one that the sender signs with, and the clocks of both."
	case strings.Contains(call.Reason, "this client takes ") && !strings.HasSuffix(call.Reason, "this client takes bearer."):
		return "Authentication not accepted", call.Reason + " Set up the sender to authenticate in one of these ways, or add its way to the client's authentication."
	case header == "":
		return "No token", "The call had no Authorization header. Send " + right + " and check whether a redirect or proxy in between dropped it."
	case strings.Contains(header, ", "):
		return "Not a Bearer token", "The call had more than one Authorization header. Send one: " + right + "."
	case header == secret.Mask:
		return "Not a Bearer token", "The Authorization header has no known scheme. Put the word Bearer in front of the token, as in " + right + "."
	case scheme != "Bearer":
		return "Not a Bearer token", fmt.Sprintf("The call authenticates with %s. Send %s instead.", scheme, right)
	case masked == "":
		return "Empty token", "The token is empty: the variable that the caller takes it from is probably not set."
	case call.ClientID == "":
		return "Wrong token", "A token was sent, but it is no client's. It may have been replaced. Create a new one on the client's page."
	}
	return "Wrong token", "A token was sent, but it is not this client's. It may have been replaced, or belong to another client. If you cannot find the token, create a new one on the client's page."
}
