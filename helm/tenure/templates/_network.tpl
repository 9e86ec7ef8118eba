{{/* Parts of NetworkPolicies. */}}

{{/* What selects every pod of this release. */}}
{{- define "tenure.everyPod" -}}
app.kubernetes.io/name: {{ include "tenure.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* An egress rule: (list peers ports); no peers: anywhere. */}}
{{- define "tenure.egress" -}}
- ports:
    {{- range index . 1 }}
    - port: {{ int . }}
      protocol: TCP
    {{- end }}
  {{- with index . 0 }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* An egress rule to a server: of the trial, else as the values say: (list root "nats" port peers). */}}
{{- define "tenure.egressToServer" -}}
{{- $root := index . 0 -}}
{{- $peers := index . 3 -}}
{{- if $root.Values.trial.enabled -}}
{{- $peers = list (dict "podSelector" (dict "matchLabels" (include "tenure.selector" (list $root (index . 1)) | fromYaml))) -}}
{{- end -}}
{{- include "tenure.egress" (list $peers (list (index . 2))) -}}
{{- end }}

{{- define "tenure.egressToNats" -}}
{{- $port := regexReplaceAll "^[a-z]+://[^:/]+:?([0-9]*).*$" (include "tenure.natsUrl" .) "${1}" | default "4222" -}}
{{- include "tenure.egressToServer" (list . "nats" $port .Values.networkPolicy.nats.to) -}}
{{- end }}

{{- define "tenure.egressToDatabase" -}}
{{- include "tenure.egressToServer" (list . "database" .Values.database.port .Values.networkPolicy.database.to) -}}
{{- end }}

{{- define "tenure.egressToCollector" -}}
{{- $port := regexReplaceAll "^[a-z]+://[^:/]+:?([0-9]*).*$" .Values.otel.endpoint "${1}" | default "4317" -}}
{{- include "tenure.egress" (list .Values.networkPolicy.otlp.to (list $port)) -}}
{{- end }}

{{- define "tenure.egressToDns" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
  {{- with .Values.networkPolicy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The networks among what connectors may speak to, as peers; names of hosts cannot stand in a NetworkPolicy. */}}
{{- define "tenure.applicationPeers" -}}
{{- range . }}
{{- if regexMatch "^[0-9.]+$" . }}
- ipBlock:
    cidr: {{ printf "%s/32" . | quote }}
{{- else if regexMatch "^[0-9a-fA-F:]+:[0-9a-fA-F:.]*$" . }}
- ipBlock:
    cidr: {{ printf "%s/128" . | quote }}
{{- else if contains "/" . }}
- ipBlock:
    cidr: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
