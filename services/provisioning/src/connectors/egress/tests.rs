use super::*;

#[test]
fn only_the_public_internet_is_within_reach_unless_something_else_is_allowed() {
    let nothing = Egress::default();
    for address in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "0.1.2.3",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:192.168.0.1",
        "::10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:0a00:0001::1",
    ] {
        assert_eq!(nothing.check("host", ip(address)), Err(Barred(Reach::Private)), "{address}");
    }
    for address in [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "2002:101:101::1",
    ] {
        assert_eq!(nothing.check("host", ip(address)), Ok(()), "{address}");
    }
}

#[test]
fn metadata_is_out_of_reach_unless_exactly_that_address_is_allowed() {
    let wide = allow(&["0.0.0.0/0", "::/0", "host", "169.254.0.0/16", "fd00::/8"]);
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
    ] {
        assert_eq!(wide.check("host", ip(address)), Err(Barred(Reach::Metadata)), "{address}");
    }
    let exact = allow(&["169.254.169.254", "fd00:ec2::254/128"]);

    assert_eq!(exact.check("host", ip("169.254.169.254")), Ok(()));
    assert_eq!(exact.check("host", ip("::ffff:169.254.169.254")), Ok(()));
    assert_eq!(exact.check("host", ip("fd00:ec2::254")), Ok(()));
    assert_eq!(exact.check("host", ip("100.100.100.200")), Err(Barred(Reach::Metadata)));
    assert_eq!(exact.check("host", ip("169.254.169.253")), Err(Barred(Reach::Private)));
}

#[test]
fn networks_and_hosts_are_allowed_by_name_and_nothing_beside_them() {
    let egress = allow(&["10.20.0.0/16", "ldap.city.example"]);

    assert_eq!(egress.check("crm", ip("10.20.3.4")), Ok(()));
    assert_eq!(egress.check("crm", ip("::ffff:10.20.3.4")), Ok(()));
    assert!(egress.check("crm", ip("10.21.3.4")).is_err());
    assert_eq!(egress.check("LDAP.city.example", ip("192.168.7.7")), Ok(()));
    assert!(egress.check("xldap.city.example", ip("192.168.7.7")).is_err());
}

#[test]
fn what_is_allowed_is_read_from_a_list_and_from_one_text() {
    let list: Egress = serde_json::from_str(r#"["10.0.0.0/8", "::1", "crm.local"]"#).unwrap();
    let text: Egress = serde_json::from_str(r#""10.0.0.0/8, ::1,crm.local""#).unwrap();

    assert_eq!(list, text);
    assert_eq!(serde_json::to_string(&list).unwrap(), r#"["10.0.0.0/8","::1/128","crm.local"]"#);
    for nonsense in [r#""10.0.0.0/33""#, r#"["a b"]"#, r#""*""#, r#""1.2.3""#] {
        assert!(serde_json::from_str::<Egress>(nonsense).is_err(), "{nonsense}");
    }
}

#[tokio::test]
async fn a_name_is_checked_by_what_it_leads_to() {
    let refused = Egress::default().resolve("localhost", 80).await;
    assert!(matches!(refused, Err(Unresolved::Barred(_))), "{refused:?}");

    let admitted = Egress::loopback().resolve("localhost", 80).await.unwrap();
    assert!(admitted.iter().all(|address| address.ip().is_loopback()), "{admitted:?}");
    assert!(!admitted.is_empty());
}

fn allow(allowed: &[&str]) -> Egress {
    Egress::try_new(allowed.iter().copied()).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
