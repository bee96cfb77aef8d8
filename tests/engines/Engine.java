import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node of OpenSearch on a port of this machine, with its data in a folder, until the process is killed. */
public class Engine {
    public static void main(String[] arguments) throws Exception {
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("http.port", arguments[0]);
            settings.put("discovery.type", "single-node");
            settings.put("bootstrap.system_call_filter", "false");
        });
        runner.build(OpenSearchRunner.newConfigs()
            .clusterName("headwater")
            .numOfNode(1)
            .disableESLogger()
            .basePath(arguments[1]));
        Thread.currentThread().join();
    }
}
