//! How the directory is set up, and what it holds from the start.

use std::path::Path;

/// Who may do anything; for tests only, never for the connector.
pub(super) const ADMINISTRATOR: &str = "cn=admin,dc=city,dc=example";
pub(super) const ADMINISTRATOR_PASSWORD: &str = "adm1n";

/// The server's settings.
pub(super) fn config(tree: &Path, folder: &Path, secured: bool) -> String {
    let (tree, folder) = (tree.display(), folder.display());
    let tls = if secured {
        format!(
            "TLSCertificateFile {folder}/certificate.pem\nTLSCertificateKeyFile {folder}/key.pem"
        )
    } else {
        String::new()
    };
    format!(
        "\
include {tree}/etc/ldap/schema/core.schema
include {tree}/etc/ldap/schema/cosine.schema
include {tree}/etc/ldap/schema/inetorgperson.schema
include {tree}/etc/ldap/schema/nis.schema
pidfile {folder}/slapd.pid
modulepath {tree}/usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
{tls}
database mdb
suffix dc=city,dc=example
rootdn {ADMINISTRATOR}
rootpw {ADMINISTRATOR_PASSWORD}
directory {folder}/data
maxsize 268435456
dbnosync
limits dn.exact=\"cn=tenure,ou=services,dc=city,dc=example\" size.prtotal=unlimited
index objectClass,entryUUID,uid,cn,employeeNumber,member eq
overlay memberof
overlay refint
refint_attributes member
refint_nothing cn=nobody
overlay ppolicy
ppolicy_default cn=passwords,dc=city,dc=example
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree=ou=people,dc=city,dc=example by dn.exact=cn=tenure,ou=services,dc=city,dc=example write by * none
access to dn.subtree=ou=groups,dc=city,dc=example by dn.exact=cn=tenure,ou=services,dc=city,dc=example write by * none
access to * by users read by * none
"
    )
}

/// What the directory holds from the start.
pub(super) const BASE: &str = "\
dn: dc=city,dc=example
changetype: add
objectClass: dcObject
objectClass: organization
o: City
dc: city

dn: ou=people,dc=city,dc=example
changetype: add
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=city,dc=example
changetype: add
objectClass: organizationalUnit
ou: groups

dn: ou=services,dc=city,dc=example
changetype: add
objectClass: organizationalUnit
ou: services

dn: cn=tenure,ou=services,dc=city,dc=example
changetype: add
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: tenure
userPassword: s3cret

dn: cn=passwords,dc=city,dc=example
changetype: add
objectClass: device
objectClass: pwdPolicy
cn: passwords
pwdAttribute: userPassword
pwdLockout: TRUE
";
