using System.Text.Json;
using System.Text.RegularExpressions;
using Grid.Cluster.Tests.Server;

namespace Grid.Cluster.Tests.Deploy;

/// <summary>One instruction of a Dockerfile.</summary>
internal sealed record DockerInstruction(string Stage, string Name, string Text)
{
    /// <summary>Its arguments in exec form; null when it is not in that form.</summary>
    public string[]? Exec => Text.StartsWith('[') ? JsonSerializer.Deserialize<string[]>(Text) : null;

    /// <summary>Its words, options left out.</summary>
    public string[] Words => [.. Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(word => !word.StartsWith("--", StringComparison.Ordinal))];
}

/// <summary>The Dockerfile, read well enough to do without an engine what it would do.</summary>
internal static partial class Dockerfile
{
    public static IReadOnlyList<DockerInstruction> Read()
    {
        string text = File.ReadAllText(Path.Combine(ConfigurationPagesTests.Root(), "deploy", "docker", "Dockerfile"));
        List<DockerInstruction> instructions = [];
        string stage = "";
        string[] lines = [.. text.Split('\n').Where(line => !line.StartsWith('#'))];
        foreach (string line in Continuation().Replace(string.Join('\n', lines), " ").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = line.Split(' ', 2, StringSplitOptions.TrimEntries);
            if (parts[0] == "FROM")
                stage = parts[1].Split(" AS ")[1];
            instructions.Add(new DockerInstruction(stage, parts[0], parts[1]));
        }

        return instructions;
    }

    /// <summary>Copies what the instructions of a stage copy from the context, without what is ignored.</summary>
    public static void Copy(DockerInstruction instruction, string target)
    {
        string root = ConfigurationPagesTests.Root();
        string to = Path.Combine(target, instruction.Words[^1]);
        foreach (string source in instruction.Words[..^1])
        {
            string from = Path.Combine(root, source);
            if (File.Exists(from))
                CopyFile(from, Path.Combine(to, Path.GetFileName(from)));
            else
                foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories).Where(file => !IsIgnored(Path.GetRelativePath(root, file))))
                    CopyFile(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }

    /// <summary>Whether <c>.dockerignore</c> leaves a file out of the context: the last pattern that fits counts.</summary>
    public static bool IsIgnored(string path)
    {
        bool ignored = false;
        foreach (string line in File.ReadAllLines(Path.Combine(ConfigurationPagesTests.Root(), ".dockerignore")).Where(line => line.Length > 0 && !line.StartsWith('#')))
        {
            string pattern = line.TrimStart('!');
            string expression = "^" + Regex.Escape(pattern).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal) + "(/.*)?$";
            if (Regex.IsMatch(path.Replace('\\', '/'), expression))
                ignored = !line.StartsWith('!');
        }

        return ignored;
    }

    private static void CopyFile(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Copy(from, to, overwrite: true);
    }

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continuation();
}
