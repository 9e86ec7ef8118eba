{{/* Names and labels. A name that would be too long is cut and ends in a hash of the whole, so that it stays unique. */}}

{{- define "tenure.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "tenure.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "tenure.name" .) .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tenure.name" .) -}}
{{- end -}}
{{- end }}

{{/* The name of an object: (list root "suffix") or (list root "suffix" longest). */}}
{{- define "tenure.object" -}}
{{- $root := index . 0 -}}
{{- $suffix := index . 1 -}}
{{- $longest := 63 -}}
{{- if gt (len .) 2 }}{{ $longest = index . 2 }}{{ end -}}
{{- $full := include "tenure.fullname" $root -}}
{{- $name := printf "%s-%s" $full $suffix -}}
{{- if gt (len $name) $longest -}}
{{- $room := int (sub $longest (add (len $suffix) 8)) -}}
{{- $name = printf "%s-%s-%s" ($full | trunc $room | trimSuffix "-") (sha256sum $full | trunc 6) $suffix -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* The name of a Secret: (list root "folder"). Secrets may have long names, and the CLI makes them from the same prefix. */}}
{{- define "tenure.secret" -}}
{{- $root := index . 0 -}}
{{- printf "%s-%s" (include "tenure.secretPrefix" $root) (index . 1) -}}
{{- end }}

{{- define "tenure.secretPrefix" -}}
{{- .Values.secrets.prefix | default (include "tenure.fullname" .) -}}
{{- end }}

{{/* What selects the pods of a component: (list root "component"). */}}
{{- define "tenure.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tenure.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 | quote }}
{{- end }}

{{/* The labels of an object: (list root "component"). */}}
{{- define "tenure.labels" -}}
{{- $root := index . 0 -}}
{{ include "tenure.selector" . }}
app.kubernetes.io/part-of: "tenure"
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | quote }}
{{- range $key, $value := $root.Values.commonLabels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* The image of a binary: (list root "binary" image-values). */}}
{{- define "tenure.image" -}}
{{- $root := index . 0 -}}
{{- $own := index . 2 -}}
{{- $repository := $own.repository | default (printf "%s/tenure-%s" $root.Values.image.registry (index . 1)) -}}
{{- if $own.digest -}}
{{- printf "%s@%s" $repository $own.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($own.tag | default $root.Values.image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* The image that migrates the schema of a service: (list root "service" image-values). */}}
{{- define "tenure.migrationImage" -}}
{{- $root := index . 0 -}}
{{- $own := index . 2 -}}
{{- if $root.Values.migrations.tag -}}
{{- $own = dict "repository" $own.repository "tag" $root.Values.migrations.tag "digest" "" -}}
{{- end -}}
{{- include "tenure.image" (list $root (index . 1) $own) -}}
{{- end }}
