import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.regex.Pattern;
import java.util.stream.LongStream;

/** A function in Java that speaks Lambda's Runtime API itself. With AWS's runtime client only `handle` is yours. */
public final class Orders {
    private static final Pattern N = Pattern.compile("\"n\"\\s*:\\s*(\\d+)");

    public static void main(String[] arguments) throws Exception {
        String api = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/";
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        HttpRequest next = HttpRequest.newBuilder(URI.create(api + "next")).build();
        while (true) {
            HttpResponse<String> event = client.send(next, HttpResponse.BodyHandlers.ofString());
            String id = event.headers().firstValue("Lambda-Runtime-Aws-Request-Id").orElseThrow();
            HttpRequest.Builder answer = HttpRequest.newBuilder();
            try {
                answer.uri(URI.create(api + id + "/response")).POST(HttpRequest.BodyPublishers.ofString(handle(event.body())));
            } catch (RuntimeException error) {
                String document = "{\"errorType\": \"" + error.getClass().getName() + "\", \"errorMessage\": \"failed\"}";
                answer.uri(URI.create(api + id + "/error")).POST(HttpRequest.BodyPublishers.ofString(document));
            }
            client.send(answer.build(), HttpResponse.BodyHandlers.discarding());
        }
    }

    static String handle(String event) {
        var n = N.matcher(event);
        long below = n.find() ? Long.parseLong(n.group(1)) : 100_000;
        long primes = LongStream.range(2, below).filter(Orders::isPrime).count();
        return "{\"primes\": " + primes + "}";
    }

    private static boolean isPrime(long n) {
        for (long divisor = 2; divisor * divisor <= n; divisor++) {
            if (n % divisor == 0) {
                return false;
            }
        }
        return true;
    }
}
