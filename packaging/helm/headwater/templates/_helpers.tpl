{{- /* Everything is called as the release is, or by both names when the release is called something else. */ -}}
{{- define "headwater.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "headwater.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "headwater.labels" -}}
{{ include "headwater.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "headwater.image" -}}
{{- $repository := required "set image.repository to where you have pushed the image of the release, for example registry.example/headwater" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Whether there is a volume for the state: with a database there is nothing to keep on it. */ -}}
{{- define "headwater.volume" -}}
{{- if and .Values.persistence.enabled (not .Values.database.existingSecret) -}}true{{- end -}}
{{- end -}}

{{- define "headwater.secret" -}}
{{- if and .Values.existingSecret .Values.secrets -}}
{{- fail "existingSecret and secrets exclude each other: put all secrets into the one that exists" -}}
{{- end -}}
{{- if .Values.existingSecret -}}
{{ .Values.existingSecret }}
{{- else if .Values.secrets -}}
{{ include "headwater.name" . }}
{{- end -}}
{{- end -}}

{{- define "headwater.configuration" -}}
{{- $configuration := required "set configuration to your [[source]] tables, in TOML; the chart's values.yaml has an example" .Values.configuration -}}
{{- range list "state" "cache" "listen" "cluster" -}}
{{- if regexMatch (printf "(?m)^\\s*\\[%s\\]" .) $configuration -}}
{{- fail (printf "configuration must not have [%s], which the chart writes from its own values" .) -}}
{{- end -}}
{{- end -}}
{{- if .Values.database.existingSecret -}}
[state]
url = { env = "HEADWATER_DATABASE_URL" }

[cluster]
name = {{ .Values.database.cluster | quote }}
{{- else -}}
[state]
path = "/var/lib/headwater/state.redb"
{{- end }}

# Nothing else is writable, and the image sets neither HOME nor XDG_CACHE_HOME.
[cache]
path = "/var/lib/headwater/cache"

[listen]
address = "0.0.0.0:9598"

{{ $configuration }}
{{- end -}}
