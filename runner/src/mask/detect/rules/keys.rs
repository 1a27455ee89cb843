//! Private keys and signed tokens, whoever issued them.

use super::super::check;
use super::super::rule::Part::Lit;
use super::super::rule::Severity::{Critical, Medium};
use super::super::rule::{Rule, Shape, at_least, exactly};
use super::super::set::*;

const PEM: &str = "RFC 7468, \"Textual Encodings of PKIX Structures\": rfc-editor.org/rfc/rfc7468";

const fn armoured(
    id: &'static str,
    what: &'static str,
    source: &'static str,
    begins: &'static [&'static str],
) -> Rule {
    Rule::new(id, what, source, Shape::Armoured { begins }).severity(Critical)
}

pub const RULES: &[Rule] = &[
    armoured(
        "private-key",
        "private key (PKCS #8)",
        PEM,
        &["-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----"],
    )
    .examples(
        "-----BEGIN ¦PRIVATE KEY-----⏎«MIIE5CvrF3pnKrR6HVU1q1kO5UaqAMfW7kz9kbZy6dXts3dVVtjRqE\
         PpCp3pXY0N⏎NUL8U3AUCzV5VLdHpAiaQiterdYTgrOiab1IKPiab3k6RGKIr2pCDVbIkNWGAoOM⏎AXt330sR\
         hWBtBM0XdtYlBn==»⏎-----END PRIVATE KEY-----\n\
         -----BEGIN ¦ENCRYPTED PRIVATE KEY-----⏎«MIIEbBQifrfTcWTb1omhLQcNVt4u+63Rg+4/LG+VPRkR\
         hh55BenwgkcSYEoxQx09⏎KKX35zTD8beh0nW93aw2nzEhdyhz60=»⏎-----END ENCRYPTED PRIVATE KEY\
         -----",
        "-----BEGIN PUBLIC KEY-----⏎tig6IEH8zVR/ABuP0dSb36FSC6/cZGT4+PtuOAmZv96Tp0nCGoRi+993n\
         EBdoL0u⏎-----END PUBLIC KEY-----\n\
         -----BEGIN PRIVATE KEY-----",
    ),
    armoured("rsa-private-key", "RSA private key (PKCS #1)", PEM, &["-----BEGIN RSA PRIVATE KEY-----"])
        .examples(
            "-----BEGIN RSA ¦PRIVATE KEY-----⏎«MIIEqD9H4JDM0oIyrUeFeVueXI9ZWyqwoDr9I1t2UzDMabk5l5\
         SH4nuWFoQEamZJ⏎InDB4yK836Ncl/5Bdj56hR8K9OGrwUAL0/RlEmkxlYyJtkICPnvSoMVShWlxq+6e⏎1mDi\
         Bfvydg2z+Z6FaoosRd==»⏎-----END RSA PRIVATE KEY-----\n\
         -----BEGIN RSA ¦PRIVATE KEY-----⏎Proc-Type: 4,ENCRYPTED⏎DEK-Info: AES-128-CBC,6837E7\
         8C2964EA03⏎⏎«LZTLI+3AQAGwl1Nc8DXEr4TAFW5ucDbwlb5fne9AYITV7hXDk+DtqLZGb3F3iTWJ⏎WzpPtz\
         Wf7S4FdCkhARAXjyt3dJID/B=»⏎-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PUBLIC KEY-----⏎O96v63VZhbnze5Fm4276vtuUxxSzcM1nfKzb56m7usS8c2oxjCvAr\
         TtXtRnZIUk0⏎-----END RSA PUBLIC KEY-----\n\
         -----BEGIN RSA PRIVATE KEY-----",
        ),
    armoured(
        "ec-private-key",
        "elliptic curve private key (SEC 1)",
        "RFC 5915, \"Elliptic Curve Private Key Structure\": rfc-editor.org/rfc/rfc5915",
        &["-----BEGIN EC PRIVATE KEY-----"],
    )
    .examples(
        "-----BEGIN EC ¦PRIVATE KEY-----⏎«MHcCBIXWr2byG5Bl79ziqpQMlSOJKm4+j/hSJ29OoHgA4y3qkvQ\
         fH9c1evuyafwp⏎PJbLHNCXxU+AiCkBCKg+lmrxdRexatcyVsHdy3P5muJlYyF/mWNIjctD+3eGHMIu⏎md/8v\
         RCEpaL06wAwvfHxgK==»⏎-----END EC PRIVATE KEY-----\n\
         -----BEGIN EC ¦PRIVATE KEY-----⏎«MHcCoB7yU76x9m9RLT7etkuqnI/SHEQ97c5rz0z+svLDUSdB5Eo\
         pmWtkPn/9OL6g⏎Gic+26SxVFQ6nXzd/ODZwuqJvICCwl=»⏎-----END EC PRIVATE KEY-----",
        "-----BEGIN EC PARAMETERS-----⏎5c56co6D0poa⏎-----END EC PARAMETERS-----\n\
         -----BEGIN EC PRIVATE KEY-----",
    ),
    armoured(
        "dsa-private-key",
        "DSA private key",
        "OpenSSL, \"PEM encoding\": docs.openssl.org/3.3/man3/PEM_read_bio_PrivateKey",
        &["-----BEGIN DSA PRIVATE KEY-----"],
    )
    .examples(
        "-----BEGIN DSA ¦PRIVATE KEY-----⏎«MIIBcM67SquAx66urCbtCqoV31uIwnN1oOEyxv1tFcUc2Qhs5l\
         gpxdogZEtI9I0n⏎Hc/oKkvmKv+cauosDuDToqTxuyYApufoLU1pQ/xDVad96xzeF9mjymXnFS0TyxEA⏎XSWg\
         hQiJqpY3vDx6109xWx==»⏎-----END DSA PRIVATE KEY-----\n\
         -----BEGIN DSA ¦PRIVATE KEY-----⏎«MIIBzV+zyUy+EuSJ/vEMrOLhnJMM/j8NkteO9NEtD/ETeaxJo0\
         v7k4qgqy5AWQbW⏎uBfb5ZecWcceDOkK2d1CnhqQs+1YKP=»⏎-----END DSA PRIVATE KEY-----",
        "-----BEGIN DSA PARAMETERS-----⏎qvsSAW3tsjG7Zx+074xBHHV4tUM33/sbYcWKCdktoqGD9Ly0AHUex\
         ha9lG5LCYO9⏎-----END DSA PARAMETERS-----\n\
         -----BEGIN DSA PRIVATE KEY-----",
    ),
    armoured(
        "openssh-private-key",
        "OpenSSH private key",
        "OpenSSH, PROTOCOL.key: \
         github.com/openssh/openssh-portable/blob/master/PROTOCOL.key",
        &["-----BEGIN OPENSSH PRIVATE KEY-----"],
    )
    .examples(
        "-----BEGIN OPENSSH ¦PRIVATE KEY-----⏎«b3BlbnNzaC1rZXktdjEA0mNAgT3/gQNZCOPXFFKJFpF5ru\
         tUHMADkb3O81CiOwOpU72Oek⏎9bwcVCqccNaHX50ln0OkqNiaZYMFCFcFPYdOrwa/W/bfGF+NvmllSEhL1wS\
         IzWiKoenGjk⏎YWF0YS4W3JOOvTWrmGlr1R==»⏎-----END OPENSSH PRIVATE KEY-----\n\
         -----BEGIN OPENSSH ¦PRIVATE KEY-----⏎«b3BlbnNzaC1rZXktdjEAlns86O1q4tXrj6LNxVe+uA5KCL\
         BecxaAvMpfwN8/9BXVKgZ7Hl⏎EO2h72XumBnGvW4lPxAEKic5KL/Chkbq3+BFO3gw=»⏎-----END OPENSSH \
         PRIVATE KEY-----",
        "-----BEGIN SSH2 PUBLIC KEY-----⏎OSQyuBczEnJBqiZiSQs9udiFDpzSiQbYujaBWkuWJ1SZ58LJ8P7z\
         StP45fhMQKwd⏎-----END SSH2 PUBLIC KEY-----\n\
         -----BEGIN OPENSSH PRIVATE KEY-----",
    ),
    armoured(
        "pgp-private-key",
        "OpenPGP private key",
        "RFC 9580, section 6.2, \"ASCII Armor\": rfc-editor.org/rfc/rfc9580",
        &["-----BEGIN PGP PRIVATE KEY BLOCK-----"],
    )
    .examples(
        "-----BEGIN PGP ¦PRIVATE KEY BLOCK-----⏎Comment: made by hand⏎⏎«lQOYVATIxUKSWKy96LhG+\
         kq/CP4PJjQdCF5qz0U0GFFKmwgWQMg01vMCu6bSOnHC⏎lSg09+lCwU9t6P7+OIa3RRKYpHKC/7AHVEksaeIL\
         cci03g9t3lGsL0z+JRZ+m/sL⏎U3RET9XDT//+lEYH4ybfDy==⏎=abcd»⏎-----END PGP PRIVATE KEY BL\
         OCK-----\n\
         -----BEGIN PGP ¦PRIVATE KEY BLOCK-----⏎⏎«lQOYF+IQEGz9Au1C42HN9mPCZtvykgOsYSHUAoQtRrm\
         kqVZ5NIYdSATnJsnE7pxo⏎wDtjGSt80pRlteb5oPkmbYlpVrV5Ji=⏎=abcd»⏎-----END PGP PRIVATE KE\
         Y BLOCK-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----⏎⏎yEamsxVUn4PLFcQ74w+YWyiq3JEzXgRIMb+NYH0KE27Sou\
         twSbHmTNgFgxWv4YZW⏎-----END PGP PUBLIC KEY BLOCK-----\n\
         -----BEGIN PGP SIGNATURE-----⏎⏎1CLdFo5trbHfRi+NqAFvVgWH+9Q8ynMVb1voYNCx81yVpjWvozZUF\
         kFSkpzkct0F⏎-----END PGP SIGNATURE-----",
    ),
    armoured(
        "putty-private-key",
        "PuTTY private key",
        "PuTTY, appendix C, \"PPK file format\": \
         the.earth.li/~sgtatham/putty/0.83/htmldoc/AppendixC.html",
        &["Private-Lines: "],
    )
    .examples(
        "Private-¦Lines: 2⏎«fNqVe8/q5JpIEAzIt1fW+mm2rBhLT+e0Rco58+Gj3cJACh3DqNjR0jzI2NIMzcKS⏎\
         x9151rFvkM4RTfXFqjCxgO==»⏎Private-MAC: 92260873eff1fb565192ee807d5cd4f1bfa721afaceec\
         c9787b6e0252a05d714\n\
         Private-¦Lines: 2⏎«EKK8P9aD1+RLjrAQAcM2ntUxOu/H37WFYJKLOOVnp1XtkgCOI9IcvFQcVa8Oq7M2⏎\
         aH5HrYHY9J6JM0d9M6WS4gSNwwNOaj=»⏎Private-MAC: 6a4f2bcd890880a15fbc36b69d2f47154409bf\
         c633cf5684521cc8989267c1e9",
        "Public-Lines: 2⏎rPS/iNHit7b5ci1qE7+FEjirzP/Hec6dROuHVbtFMRYkWSC4S1MYCkA/CXnHSMkd⏎FcX\
         615t7dkWjJGGbkmKGqsKES+OF8c5tm9YpWk17nfjri+6mOCOfSaFugCNOI9fS\n\
         Private-Lines: none",
    ),
    armoured(
        "cosign-private-key",
        "encrypted cosign or sigstore private key",
        "Sigstore, \"Self-managed keys\": \
         docs.sigstore.dev/cosign/key_management/signing_with_self-managed_keys",
        &["-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"],
    )
    .examples(
        "-----BEGIN ENCRYPTED COSIGN ¦PRIVATE KEY-----⏎«eyJrsXmYkv6ASyiERFLoV/3lPRrs4r9N5YDCf\
         wYzRM/qG2HKfSmNYHNvJajELgz5⏎uLVfAGDwJ4Z0dzwndE3r0MF+Wy2D6GDwePTzppNfzzc+5OKjX2XFNw1+\
         P37gE33n⏎pUvKxwls5tgU8OASL2GDG2==»⏎-----END ENCRYPTED COSIGN PRIVATE KEY-----\n\
         -----BEGIN ENCRYPTED SIGSTORE ¦PRIVATE KEY-----⏎«eyJrJRzEjmjQ6kcCopQKB/FHjCtegjgq+KT\
         +kkj5P3aFbrtktfHEyp5dSUNmqVLw⏎TDT2Rqh32ReKfjXudLrJnNbQqFqTjB=»⏎-----END ENCRYPTED SI\
         GSTORE PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----⏎5GKd5nD/xHioFdQx35OPfHu9dkSLuBY7XIoI2DF0/JlBxC7YSwurdRUgW\
         y0fC3Xj⏎-----END PUBLIC KEY-----\n\
         -----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----",
    ),
    Rule::token(
        "age-secret-key",
        "age secret key",
        "age, \"The age file format\": github.com/C2SP/C2SP/blob/main/age.md",
        &[Lit("AGE-SECRET-KEY-1"), exactly(58, UPPER_ALNUM)],
    )
    .severity(Critical)
    .anywhere()
    .examples(
        "AGE-SECRET¦-KEY-1UOUHRHNN4C3IHWLHAJOD5K43515WSBFTH15DVJFLJ1JE8D25G0SVS9ZMCE\n\
         AGE-SECRET¦-KEY-1QMV8NNPMUQIYO8HHOXN9SHHMPXEHYYJKDW4M7QS7JEQRX4ZH1ZXQY3SMVU",
        "AGE-SECRET¦-KEY-1PSL33JPT33IG6K7DNUNBRWZDDTR74E38F8J3SX5S96XJQ2POBR\n\
         AGE-SECRET-KEY-1",
    ),
    Rule::token(
        "jwt",
        "JSON web token",
        "RFC 7519, \"JSON Web Token\": rfc-editor.org/rfc/rfc7519",
        &[Lit("eyJ"), at_least(14, BASE64_URL), Lit("."), at_least(30, BASE64_URL.or(DOT))],
    )
    .severity(Medium)
    .check(check::jwt)
    .examples(
        "ey¦JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJxYWdicnd1QzQzeTQiLCJpYXQiOjE3MDI5Nz\
         U2NjJ9.UE9I0pp12L6wtR256cvw9DWYlIFjXrkC4h_S4YmAHDS\n\
         ey¦JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI1eFdJUkZSQjhnYUciLCJpYXQiOjE3MDY2MD\
         A5MDB9.E_7zrgNn8HXJc1UY7aXfZ45OWjUl_cD2LyMszU9qgBK",
        "ey¦JegTU8rlY3wqx7_AoJtV8PN9-k3AEhb.ASn2GAnOLy47mk756KeNbTqIfU_BkKto_VWt1c72.KfjFV-4I\
         lB8QjAu0TztuXqjyFoEOT54H2zTr3aGOkPi\n\
         event.eyJustNotAToken.something_longer_than_thirty_characters",
    ),
    Rule::token(
        "encoded-jwt",
        "base64 of a JSON web token",
        "RFC 7519, \"JSON Web Token\": rfc-editor.org/rfc/rfc7519",
        &[Lit("ZXlK"), at_least(76, BASE64_PADDED)],
    )
    .severity(Medium)
    .check(check::encoded_jwt)
    .examples(
        "ZXlK¦aGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5LmV5SnpkV0lpT2lKTVMwOXRlR2RLVkNJc0ltbGhkQ0k2TVRjd01UQTFNelF5TkgwLktkTm5GUklCWHVETDdEeHRwWWxTWHBmS3RIRjR2VUNzTWVoR0FrV3ZqN0Y=\n\
         ZXlK¦aGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5LmV5SnpkV0lpT2lKQll6bFJaVmRLU3lJc0ltbGhkQ0k2TVRjd05USTJNemd3T1gwLnZTd01GTFpEZTFmOHJFU1FlZFVTdFBLUjBDc1R5NFF3YjhEd2tOaEZkblg=",
        "eyJhIjogImV5SnNpVnB6ejYzRmZrQ3pKcjRpMEIzSnJUQXdSNHk5b2pmbGpvUW9hRjFMbHFzYWpBSXhOS3U4aVMyRzhOUCJ9\n\
         ZXlKRVdD53X83RZJzzzzgEOzdmenCkhvMdgaKjIg8xNbe3nNyjOq9wMxEhh2FDEEtfjgVvVqE1SkHbn88HxjSI6bWHtP3f",
    ),
    Rule::named(
        "jwk-private-exponent",
        "private part of a JSON web key",
        "RFC 7518, section 6, \"Cryptographic Algorithms for Keys\": \
         rfc-editor.org/rfc/rfc7518",
        &["\"d\""],
        &[at_least(43, BASE64_URL)],
    )
    .severity(Critical)
    .check(check::mixed_case)
    .examples(
        "{\"kty\":\"EC\",\"d\": \"«rthadG-JwaFAFbl6vWlt2¦1Rapzb3vPIwtj9w1-JA1jH»\"}\n\
         {\"d\":\"«gVgpM_AUPpCvZAEkr7xt9kAVfz4XJIkueU4jpzRohYz999FJ80hOY6dQ6GWCgzOwlJhxC-Dxdk\
         7Ze385XNDlkwK1S_PiKgxF5qNX¦guJTOuKdGa5UchX31jRi8Bo0kxlnXPK8eVYkz1ov-J8geKwigq7-NjVTB\
         fZCxd-6f72T4EOEEjAQeELRyq2Udj1C1lDR661CkQ72Brt5dI0qc4pH6lJAb6_T7ssW2-mGHqf1ondBPIfqA\
         JeB5lIz9J7X39cRFvjQx5TyBCJagbqJVV7QExKWngaM6gXpOznWlSVJIT-m64syV0XNCZqrykF3PutEWovfX\
         mlKj_evPAH9DxT9ju»\", \"kty\": \"RSA\"}",
        "{\"d\": \"traF9_iXd3t9if9FATN9\"}\n\
         {\"d\": \"e34c37e017deab4057b6da6bf7ec6a66f12f61abd07896b10f427877070fd278\"}",
    ),
];
