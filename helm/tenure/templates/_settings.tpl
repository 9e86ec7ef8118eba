{{/* What follows from several values together. */}}

{{/* A service's values over the defaults, as YAML: (list root "service"). */}}
{{- define "tenure.service" -}}
{{- $root := index . 0 -}}
{{- $own := index $root.Values.services (index . 1) | default dict -}}
{{- mergeOverwrite (deepCopy $root.Values.defaults) (deepCopy $own) | toYaml -}}
{{- end }}

{{/* The services that are on, in the order of their names, as a JSON list. */}}
{{- define "tenure.enabled" -}}
{{- $root := . -}}
{{- $names := list -}}
{{- range $name := keys .Values.services | sortAlpha -}}
{{- $service := include "tenure.service" (list $root $name) | fromYaml -}}
{{- if $service.enabled }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- $names | toJson -}}
{{- end }}

{{/* A service's name in databases, roles and variables: hris_ingest. */}}
{{- define "tenure.database" -}}{{ . | replace "-" "_" }}{{- end }}
{{- define "tenure.variable" -}}TENURE_{{ . | replace "-" "_" | upper }}{{- end }}

{{/* Whether Secrets are made and renewed by this release: "true" or nothing. */}}
{{- define "tenure.managed" -}}
{{- if or .Values.trial.enabled (eq .Values.secrets.mode "managed") }}true{{ end -}}
{{- end }}

{{- define "tenure.createDatabases" -}}
{{- if or .Values.trial.enabled .Values.databases.create }}true{{ end -}}
{{- end }}

{{- define "tenure.natsUrl" -}}
{{- if .Values.trial.enabled -}}
tls://{{ include "tenure.object" (list . "nats") }}:4222
{{- else -}}
{{- .Values.nats.url -}}
{{- end -}}
{{- end }}

{{- define "tenure.natsMonitoring" -}}
{{- if .Values.trial.enabled -}}
{{ include "tenure.object" (list . "nats") }}.{{ .Release.Namespace }}.svc:8222
{{- else -}}
{{- .Values.nats.monitoringEndpoint -}}
{{- end -}}
{{- end }}

{{- define "tenure.databaseHost" -}}
{{- if .Values.trial.enabled -}}
{{ include "tenure.object" (list . "database") }}
{{- else -}}
{{- .Values.database.host -}}
{{- end -}}
{{- end }}

{{/* The Secret with the CA of PostgreSQL's certificate, and its key; both empty where there is none. */}}
{{- define "tenure.databaseCa" -}}
{{- if .Values.trial.enabled -}}
name: {{ include "tenure.secret" (list . "database-server") | quote }}
key: ca.crt
{{- else -}}
name: {{ .Values.database.caSecret.name | quote }}
key: {{ .Values.database.caSecret.key | quote }}
{{- end -}}
{{- end }}

{{/* A URL of PostgreSQL: (list root "role" "database"). */}}
{{- define "tenure.databaseUrl" -}}
{{- $root := index . 0 -}}
{{- $ca := include "tenure.databaseCa" $root | fromYaml -}}
{{- $query := printf "sslmode=%s" $root.Values.database.sslmode -}}
{{- if $ca.name }}{{ $query = printf "%s&sslrootcert=/etc/tenure/database/ca.crt" $query }}{{ end -}}
{{- printf "postgres://%s@%s:%d/%s?%s" (index . 1) (include "tenure.databaseHost" $root) (int $root.Values.database.port) (index . 2) $query -}}
{{- end }}

{{/* Bytes of one stream at most. */}}
{{- define "tenure.bytesMax" -}}
{{- if .Values.streams.bytesMax -}}
{{- .Values.streams.bytesMax | int64 -}}
{{- else if .Values.trial.enabled -}}
268435456
{{- else -}}
1073741824
{{- end -}}
{{- end }}

{{/* Every name under which a client may reach the broker or the database, as a JSON list. */}}
{{- define "tenure.serverNames" -}}
{{- $names := .Values.secrets.serverNames -}}
{{- if .Values.trial.enabled -}}
{{- range $server := list "nats" "database" -}}
{{- $host := include "tenure.object" (list $ $server) -}}
{{- $names = concat $names (list $host (printf "%s.%s" $host $.Release.Namespace) (printf "%s.%s.svc" $host $.Release.Namespace)) -}}
{{- end -}}
{{- else -}}
{{- $names = concat $names (list (regexReplaceAll "^[a-z]+://([^:/]+).*$" .Values.nats.url "${1}") .Values.database.host) -}}
{{- end -}}
{{- $names | uniq | toJson -}}
{{- end }}

{{/* The durable consumers of a service, as a JSON list: (list root "service"). */}}
{{- define "tenure.consumers" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- $found := list -}}
{{- range ($root.Files.Get "files/mesh.json" | fromJson).consumers -}}
{{- if eq .service $service }}{{ $found = append $found . }}{{ end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end }}

{{/* The folders that `tenure setup credentials` makes Secrets of, as a JSON list. */}}
{{- define "tenure.secretFolders" -}}
{{- $folders := list "keys" "nats-server" "database-server" "nats-setup" "database-admin" "operators" -}}
{{- range $service := keys .Values.services | sortAlpha -}}
{{- $folders = concat $folders (list (printf "nats-%s" $service) (printf "database-%s" $service) (printf "database-%s-owner" $service)) -}}
{{- end -}}
{{- range .Values.secrets.sources }}{{ $folders = append $folders (printf "nats-source-%s" .) }}{{ end -}}
{{- $folders | toJson -}}
{{- end }}
