{{/* The environment of one service: (list root "service" values). */}}
{{- define "tenure.serviceEnv" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $service := index . 2 -}}
{{- $variable := include "tenure.variable" $name -}}
{{- $database := include "tenure.database" $name -}}
{{- $nats := include "tenure.natsUrl" $root -}}
- name: {{ $variable }}__NATS__URL
  value: {{ $nats | quote }}
- name: {{ $variable }}__NATS__CREDENTIALS_FILE
  value: /etc/tenure/nats/nats.creds
{{- if hasPrefix "tls://" $nats }}
- name: {{ $variable }}__NATS__CA_FILE
  value: /etc/tenure/nats/ca.crt
{{- end }}
- name: {{ $variable }}__DATABASE__URL
  value: {{ include "tenure.databaseUrl" (list $root $database $database) | quote }}
- name: {{ $variable }}__DATABASE__PASSWORD_FILE
  value: /etc/tenure/database/password
- name: {{ $variable }}__DATABASE__CONNECTIONS_MAX
  value: {{ $service.database.connectionsMax | int | quote }}
- name: {{ $variable }}__DATABASE__EPOCH
  value: {{ $service.database.epoch | int | quote }}
- name: {{ $variable }}__DATABASE__MIGRATE
  value: "false"
- name: {{ $variable }}__GRPC__ADDRESS
  value: 0.0.0.0:9090
- name: {{ $variable }}__GRPC__TOKEN_FILE
  value: /etc/tenure/operators/token
- name: {{ $variable }}__ADMIN__ADDRESS
  value: 0.0.0.0:8081
- name: {{ $variable }}__LOG_JSON
  value: {{ $service.logJson | quote }}
{{- if $service.config }}
- name: {{ $variable }}_CONFIG
  value: /etc/tenure/config/{{ $name }}.toml
{{- end }}
{{- if eq $name "hris-ingest" }}
- name: {{ $variable }}__SPOOL_FOLDER
  value: /tmp
{{- if $service.http.enabled }}
- name: {{ $variable }}__SCIM__ADDRESS
  value: 0.0.0.0:8080
{{- with $service.http.url }}
- name: {{ $variable }}__SCIM__URL
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with $service.zone }}
- name: {{ $variable }}__ZONE
  value: {{ . | quote }}
{{- end }}
{{- with ($service.egress).allow }}
- name: {{ $variable }}__EGRESS__ALLOW
  value: {{ . | toJson | quote }}
{{- end }}
{{- with $service.smtp }}
{{- if .host }}
{{- include "tenure.smtpEnv" (list $variable .) | nindent 0 }}
{{- end }}
{{- end }}
{{- if $root.Values.otel.endpoint }}
{{- include "tenure.otelEnv" $root | nindent 0 }}
{{- end }}
{{- with $service.extraEnv }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{/* The mail server: (list "variable" smtp). */}}
{{- define "tenure.smtpEnv" -}}
{{- $variable := index . 0 -}}
{{- $smtp := index . 1 -}}
- name: {{ $variable }}__SMTP__HOST
  value: {{ $smtp.host | quote }}
{{- if $smtp.port }}
- name: {{ $variable }}__SMTP__PORT
  value: {{ $smtp.port | int | quote }}
{{- end }}
- name: {{ $variable }}__SMTP__TLS
  value: {{ $smtp.tls | quote }}
- name: {{ $variable }}__SMTP__FROM
  value: {{ $smtp.from | quote }}
{{- if $smtp.user }}
- name: {{ $variable }}__SMTP__USER
  value: {{ $smtp.user | quote }}
- name: {{ $variable }}__SMTP__PASSWORD_FILE
  value: /etc/tenure/smtp/password
{{- end }}
{{- end }}

{{/* The port of the mail server: the one that is set, or the usual one of its kind of TLS. */}}
{{- define "tenure.smtpPort" -}}
{{- $usual := dict "starttls" 587 "implicit" 465 "none" 25 -}}
{{- .port | default (index $usual .tls) | int -}}
{{- end }}

{{/* Where logs, traces and metrics go, and which pod they are of. */}}
{{- define "tenure.otelEnv" -}}
{{- $attributes := list "k8s.namespace.name=$(POD_NAMESPACE)" "k8s.pod.name=$(POD_NAME)" "service.instance.id=$(POD_UID)" -}}
{{- range $key, $value := .Values.otel.resourceAttributes -}}
{{- $attributes = append $attributes (printf "%s=%s" $key $value) -}}
{{- end -}}
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_UID
  valueFrom:
    fieldRef:
      fieldPath: metadata.uid
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .Values.otel.endpoint | quote }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ join "," $attributes | quote }}
{{- with .Values.otel.extraEnv }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Where the pods of a service go: (list root "service" values). */}}
{{- define "tenure.placement" -}}
{{- $selector := include "tenure.selector" (list (index . 0) (index . 1)) -}}
{{- $service := index . 2 -}}
{{- with $service.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $service.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- if or $service.topologySpread.host $service.topologySpread.zone }}
topologySpreadConstraints:
  {{- range $key, $field := dict "kubernetes.io/hostname" "host" "topology.kubernetes.io/zone" "zone" }}
  {{- with index $service.topologySpread $field }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ . }}
    matchLabelKeys:
      - pod-template-hash
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
