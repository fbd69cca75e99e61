using System.Globalization;
using System.Net;
using System.Xml.Linq;
using Grid.Cluster.Tests.Server;
using Xunit;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>The container image, checked without an engine: what its Dockerfile says, and the same publish, run as the image would run it.</summary>
public sealed class DockerfileTests
{
    private static readonly IReadOnlyList<DockerInstruction> All = Dockerfile.Read();

    /// <summary>The user that the image runs as.</summary>
    internal static long User => long.Parse(Final("USER").Single().Text.Split(':')[0], CultureInfo.InvariantCulture);

    internal static int[] ExposedPorts => [.. Final("EXPOSE").Single().Words.Select(word => int.Parse(word, CultureInfo.InvariantCulture))];

    [Fact]
    public void The_image_has_a_base_without_a_shell_and_starts_without_one()
    {
        DockerInstruction[] bases = [.. All.Where(instruction => instruction.Name == "FROM")];
        Assert.Equal(["build", "final"], bases.Select(instruction => instruction.Stage));
        Assert.Equal("mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled", bases[^1].Words[0]);
        Assert.All(bases, instruction => Assert.DoesNotContain("latest", instruction.Text));
        Assert.DoesNotContain(All, instruction => instruction.Name == "ADD");
        Assert.Empty(Final("RUN"));
        Assert.Equal(["/app/grid"], Final("ENTRYPOINT").Single().Exec!);
        Assert.Equal(["serve"], Final("CMD").Single().Exec!);
        Assert.Equal("SIGTERM", Final("STOPSIGNAL").Single().Text);
        Assert.True(User > 0);
    }

    [Fact]
    public void What_a_restore_depends_on_is_there_before_it()
    {
        string root = ConfigurationPagesTests.Root();
        HashSet<string> copied = [.. All.TakeWhile(instruction => instruction.Name != "RUN").Where(instruction => instruction.Name == "COPY").SelectMany(instruction => instruction.Words[..^1])];
        Queue<string> projects = new(["Grid.Server"]);
        HashSet<string> seen = [];
        while (projects.TryDequeue(out string? project))
        {
            if (!seen.Add(project))
                continue;
            Assert.Contains($"src/{project}/{project}.csproj", copied);
            Assert.Contains($"src/{project}/packages.lock.json", copied);
            foreach (XElement reference in XDocument.Load(Path.Combine(root, "src", project, $"{project}.csproj")).Descendants("ProjectReference"))
                projects.Enqueue(Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));
        }

        Assert.All(Directory.GetFiles(Path.Combine(root, "src"), "Directory.*"), file => Assert.Contains($"src/{Path.GetFileName(file)}", copied));
        Assert.Equal(seen.Count * 2, copied.Count(path => path.Count(letter => letter == '/') == 2));
    }

    [Theory]
    [InlineData("src/Grid.Server/Program.cs", false)]
    [InlineData("silo.json", false)]
    [InlineData(".editorconfig", false)]
    [InlineData("src/Grid.Server/bin/Release/net10.0/grid", true)]
    [InlineData("src/Grid.Silo/obj/project.assets.json", true)]
    [InlineData("tests/Grid.Tests/Tidy/TidyTests.cs", true)]
    [InlineData(".git/config", true)]
    [InlineData("deploy/kubernetes/base/silo.json", true)]
    public void The_context_has_what_is_built_from_and_nothing_else(string path, bool ignored) => Assert.Equal(ignored, Dockerfile.IsIgnored(path));

    [Fact]
    public async Task The_same_commands_without_an_engine_make_a_silo_that_runs_as_nobody_and_writes_nothing()
    {
        string app = await ImageApp.FolderAsync();
        Assert.True(File.Exists(Path.Combine(app, "Grid.Silo.xml")), "'grid config' describes settings from the documentation files.");
        Assert.True(IsReadyToRun(Path.Combine(app, "Grid.Silo.dll")), "Grid.Silo.dll holds no code compiled ahead.");
        Assert.True(IsReadyToRun(Path.Combine(app, "Orleans.Runtime.dll")), "Orleans.Runtime.dll holds no code compiled ahead.");
        Assert.Contains("CallCountThreshold\": 1024", File.ReadAllText(Path.Combine(app, "grid.runtimeconfig.json")), StringComparison.Ordinal);
        string[] before = Directory.GetFiles(app, "*", SearchOption.AllDirectories);
        int[] ports = Ports.Free(3);
        string[] arguments = ["serve", $"--Silo:SiloPort={ports[0]}", $"--Silo:GatewayPort={ports[1]}", $"--Silo:HttpPort={ports[2]}", $"--Clustering:FirstSilo=127.0.0.1:{ports[0]}", "--Grid:ShardCount=4"];
        await using ChildProcess silo = Environment.UserName == "root"
            ? ChildProcess.Start("setpriv", [$"--reuid={User}", $"--regid={User}", "--clear-groups", "--no-new-privs", Path.Combine(app, "grid"), .. arguments], app)
            : ChildProcess.Start(Path.Combine(app, "grid"), arguments, app);
        await ManifestSilo.UntilAsync($"http://127.0.0.1:{ports[2]}/healthz/ready", HttpStatusCode.OK, silo);
        silo.Terminate();
        Assert.Equal(0, await silo.ExitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(before, Directory.GetFiles(app, "*", SearchOption.AllDirectories));
    }

    private static IEnumerable<DockerInstruction> Final(string name) => All.Where(instruction => instruction.Stage == "final" && instruction.Name == name);

    /// <summary>Whether a library has a header of code compiled ahead: its managed native header is there.</summary>
    private static bool IsReadyToRun(string file)
    {
        using System.Reflection.PortableExecutable.PEReader reader = new(File.OpenRead(file));
        return reader.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;
    }
}
