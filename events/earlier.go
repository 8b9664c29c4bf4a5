package events

import (
	"bytes"
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// earlierError begins the error of a payload that an earlier version has written.
var earlierError = []byte(`,"error":{"code":`)

// Current returns a payload in the form of this version. Earlier ones wrote an error as {"code", "message"}: the
// message is the error now, and the code is data.errorCode. See docs/decisions/019-error-is-text.md.
func Current(payload json.RawMessage) json.RawMessage {
	if !bytes.Contains(payload, earlierError) {
		return payload
	}
	asItIs := jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	var p struct {
		Success    jsontext.Value `json:"success"`
		Type       jsontext.Value `json:"type"`
		RunID      jsontext.Value `json:"runId"`
		WorkflowID jsontext.Value `json:"workflowId"`
		Data       jsontext.Value `json:"data"`
		Metadata   jsontext.Value `json:"metadata"`
		Error      jsontext.Value `json:"error"`
		CreatedAt  jsontext.Value `json:"createdAt"`
	}
	var failure struct {
		Code    jsontext.Value `json:"code"`
		Message jsontext.Value `json:"message"`
	}
	if jsonv2.Unmarshal(payload, &p, asItIs) != nil || jsonv2.Unmarshal(p.Error, &failure) != nil ||
		failure.Message == nil {
		return payload
	}
	if data, ok := bytes.CutSuffix(p.Data, []byte("}")); ok && failure.Code != nil {
		separator := `,"errorCode":`
		if bytes.HasSuffix(data, []byte("{")) {
			separator = `"errorCode":`
		}
		p.Data = append(append(append(bytes.Clone(data), separator...), failure.Code...), '}')
	}
	p.Error = failure.Message
	current, err := jsonv2.Marshal(p, asItIs)
	if err != nil {
		return payload
	}
	return current
}
