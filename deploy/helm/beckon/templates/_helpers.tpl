{{- define "beckon.name" -}}
{{- if contains "beckon" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-beckon" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end -}}
{{- end -}}

{{- define "beckon.selector" -}}
app.kubernetes.io/name: beckon
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "beckon.labels" -}}
{{ include "beckon.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "beckon.publicURL" -}}
{{- if .Values.publicURL }}{{ .Values.publicURL }}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts }}{{ ternary "https" "http" (not (empty .Values.ingress.tls)) }}://{{ (index .Values.ingress.hosts 0).host }}
{{- else }}http://localhost:8080{{ end -}}
{{- end -}}
